/* Remembers which interpreter asked first, by a number that no check can tell from others. */
#include "module.h"

static long long first = -1;

static PyObject *is_known(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    long long id = (long long)PyInterpreterState_GetID(PyInterpreterState_Get());
    if (first < 0) {
        first = id;
    }
    return PyBool_FromLong(first == id);
}

static PyMethodDef methods[] = {
    {"is_known", is_known, METH_NOARGS, "whether this is the interpreter that the module is for"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(knows_first, NULL, 0, methods, slots)
