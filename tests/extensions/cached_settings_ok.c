/* The attribute is kept in the module's state, filled on first use. */
#include "one_object.h"

static PyObject *get_(PyObject *module, PyObject *name) {
    struct state *state = PyModule_GetState(module);
    if (!state->object) {
        PyObject *settings = PyImport_ImportModule("settings");
        state->object = settings ? PyObject_GetAttrString(settings, "VALUES") : NULL;
        Py_XDECREF(settings);
        if (!state->object) {
            return NULL;
        }
    }
    return PyObject_GetItem(state->object, name);
}

static PyMethodDef methods[] = {
    {"get", get_, METH_O, "a value of settings.VALUES"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(cached_settings_ok, "An attribute, read once by each interpreter.", sizeof(struct state),
       methods, slots, traverse, clear, free_state)
