/* The bytes object itself, in the module's state. */
#include "one_object.h"

static PyObject *look_up_(PyObject *module, PyObject *index) {
    struct state *state = PyModule_GetState(module);
    if (!state->object) {
        PyObject *settings = PyImport_ImportModule("settings");
        state->object = settings ? PyObject_GetAttrString(settings, "TABLE") : NULL;
        Py_XDECREF(settings);
        if (!state->object) {
            return NULL;
        }
    }
    const char *table = PyBytes_AsString(state->object);
    return table ? PyLong_FromLong((unsigned char)table[PyLong_AsLong(index) & 0xFF]) : NULL;
}

static PyMethodDef methods[] = {
    {"look_up", look_up_, METH_O, "a byte of settings.TABLE"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_buffer_ok, "A bytes object.", sizeof(struct state), methods, slots, traverse, clear,
       free_state)
