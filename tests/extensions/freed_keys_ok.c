/* The keys themselves, in a dict of the module's state. */
#include "one_object.h"

static PyObject *index_(PyObject *module, PyObject *key) {
    struct state *state = PyModule_GetState(module);
    if (!state->object && !(state->object = PyDict_New())) {
        return NULL;
    }
    PyObject *index = PyLong_FromSsize_t(PyDict_GET_SIZE(state->object));
    PyObject *known = index ? PyDict_SetDefault(state->object, key, index) : NULL;
    Py_XINCREF(known);
    Py_XDECREF(index);
    return known;
}

static PyMethodDef methods[] = {
    {"index", index_, METH_O, "the index of a key, a new one for a new key"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_keys_ok, "A dict of keys.", sizeof(struct state), methods, slots, traverse, clear,
       free_state)
