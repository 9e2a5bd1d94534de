/* The record is reached from the module's state only, and freed with it. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,          .m_name = "heap_record_ok", .m_doc = "A callback in a record.",
    .m_size = sizeof(struct state), .m_methods = methods,       .m_slots = slots,
    .m_traverse = traverse,         .m_clear = clear,           .m_free = free_state,
};

PyMODINIT_FUNC PyInit_heap_record_ok(void) {
    return PyModuleDef_Init(&definition);
}
