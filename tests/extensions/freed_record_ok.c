/* The list itself, in the module's state. */
#include "one_object.h"

static PyObject *remember_(PyObject *module, PyObject *list) {
    struct state *state = PyModule_GetState(module);
    if (!state->object) {
        state->object = Py_NewRef(list);
    }
    Py_RETURN_NONE;
}

static PyObject *is_known_(PyObject *module, PyObject *name) {
    struct state *state = PyModule_GetState(module);
    int is_known = state->object ? PySequence_Contains(state->object, name) : 0;
    return is_known < 0 ? NULL : PyBool_FromLong(is_known);
}

static PyMethodDef methods[] = {
    {"remember", remember_, METH_O, "keep a list of names, unless there is one"},
    {"is_known", is_known_, METH_O, "whether a name is in it"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_record_ok, "Names in a list.", sizeof(struct state), methods, slots, traverse, clear,
       free_state)
