/* The record is reached from the module's state only, and freed with it. */
#include "module.h"

struct record {
    int uses;
    PyObject *callback;
};

struct state {
    struct record *record;
};

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    if (state->record) {
        Py_VISIT(state->record->callback);
    }
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    if (state->record) {
        Py_CLEAR(state->record->callback);
    }
    return 0;
}

static void free_state(void *module) {
    struct state *state = PyModule_GetState(module);
    clear(module);
    free(state->record);
    state->record = NULL;
}

static PyObject *register_(PyObject *module, PyObject *callback) {
    struct state *state = PyModule_GetState(module);
    if (!state->record && (state->record = calloc(1, sizeof *state->record))) {
        state->record->callback = Py_NewRef(callback);
    }
    Py_RETURN_NONE;
}

static PyObject *call_(PyObject *module, PyObject *unused) {
    struct state *state = PyModule_GetState(module);
    (void)unused;
    if (!state->record) {
        Py_RETURN_NONE;
    }
    state->record->uses++;
    return PyObject_CallNoArgs(state->record->callback);
}

static PyMethodDef methods[] = {
    {"register", register_, METH_O, "keep a callback, unless there is one"},
    {"call", call_, METH_NOARGS, "call it"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(heap_record_ok, "A callback in a record.", sizeof(struct state), methods, slots, traverse,
       clear, free_state)
