/* The str itself, in the module's state. */
#include "one_object.h"

static PyObject *greet_(PyObject *module, PyObject *name) {
    struct state *state = PyModule_GetState(module);
    if (!state->object) {
        PyObject *settings = PyImport_ImportModule("settings");
        state->object = settings ? PyObject_GetAttrString(settings, "GREETING") : NULL;
        Py_XDECREF(settings);
        if (!state->object) {
            return NULL;
        }
    }
    return PyUnicode_FromFormat("%U, %U", state->object, name);
}

static PyMethodDef methods[] = {
    {"greet", greet_, METH_O, "settings.GREETING and a name"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_text_ok, "A str.", sizeof(struct state), methods, slots, traverse, clear, free_state)
