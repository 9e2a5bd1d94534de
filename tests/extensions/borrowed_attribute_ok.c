/* The reference is kept for as long as the pointer is. */
#include "one_object.h"

static PyObject *format_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    if (!state->object) {
        PyObject *settings = PyImport_ImportModule("settings");
        state->object = settings ? PyObject_GetAttrString(settings, "format_value") : NULL;
        Py_XDECREF(settings);
        if (!state->object) {
            return NULL;
        }
    }
    return PyObject_CallOneArg(state->object, value);
}

static PyMethodDef methods[] = {
    {"format", format_, METH_O, "settings.format_value(value)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(borrowed_attribute_ok, "A function, kept with a reference.", sizeof(struct state), methods,
       slots, traverse, clear, free_state)
