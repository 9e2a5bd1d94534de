/* Multi-phase: the execution slot runs in every interpreter that imports the module. */
#include "one_object.h"

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    PyObject *string_module = PyImport_ImportModule("string");
    state->object = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
    Py_XDECREF(string_module);
    return state->object ? 0 : -1;
}

static PyObject *is_template_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    int result = PyObject_IsInstance(value, state->object);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(class_at_init_ok, "A class, looked up in each interpreter.", sizeof(struct state), methods,
       slots, traverse, clear, free_state)
