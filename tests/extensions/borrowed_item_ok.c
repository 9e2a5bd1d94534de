/* A strong reference, in the module's state. */
#include "one_object.h"

static PyObject *limit_(PyObject *module, PyObject *name) {
    struct state *state = PyModule_GetState(module);
    if (!state->object) {
        PyObject *settings = PyImport_ImportModule("settings");
        if (!settings) {
            return NULL;
        }
        state->object = Py_XNewRef(PyDict_GetItemString(PyModule_GetDict(settings), "LIMITS"));
        Py_DECREF(settings);
        if (!state->object) {
            return Py_NewRef(Py_None);
        }
    }
    return PyObject_GetItem(state->object, name);
}

static PyMethodDef methods[] = {
    {"limit", limit_, METH_O, "an entry of settings.LIMITS"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(borrowed_item_ok, "An owned item.", sizeof(struct state), methods, slots, traverse, clear,
       free_state)
