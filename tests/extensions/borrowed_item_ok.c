/* A strong reference, in the module's state. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct state {
    PyObject *limits;
};

static PyObject *limit_(PyObject *module, PyObject *name) {
    struct state *state = PyModule_GetState(module);
    if (!state->limits) {
        PyObject *settings = PyImport_ImportModule("settings");
        if (!settings) {
            return NULL;
        }
        state->limits = Py_XNewRef(PyDict_GetItemString(PyModule_GetDict(settings), "LIMITS"));
        Py_DECREF(settings);
        if (!state->limits) {
            return Py_NewRef(Py_None);
        }
    }
    return PyObject_GetItem(state->limits, name);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->limits);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->limits);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"limit", limit_, METH_O, "an entry of settings.LIMITS"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,     .m_name = "borrowed_item_ok",
    .m_doc = "An owned item.", .m_size = sizeof(struct state),
    .m_methods = methods,      .m_slots = slots,
    .m_traverse = traverse,    .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_borrowed_item_ok(void) {
    return PyModuleDef_Init(&definition);
}
