/* knows_first.c, corrected: each interpreter's module has a number of its own. */
#include "module.h"

static int load(PyObject *module) {
    long long *first = PyModule_GetState(module);
    *first = -1;
    return 0;
}

static PyObject *is_known(PyObject *module, PyObject *none) {
    (void)none;
    long long *first = PyModule_GetState(module);
    long long id = (long long)PyInterpreterState_GetID(PyInterpreterState_Get());
    if (*first < 0) {
        *first = id;
    }
    return PyBool_FromLong(*first == id);
}

static PyMethodDef methods[] = {
    {"is_known", is_known, METH_NOARGS, "whether this is the interpreter that the module is for"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(knows_first_ok, NULL, sizeof(long long), methods, slots)
