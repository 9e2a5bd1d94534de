/* The attribute is kept in the module's state, filled on first use. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct state {
    PyObject *values;
};

static PyObject *get_(PyObject *module, PyObject *name) {
    struct state *state = PyModule_GetState(module);
    if (!state->values) {
        PyObject *settings = PyImport_ImportModule("settings");
        state->values = settings ? PyObject_GetAttrString(settings, "VALUES") : NULL;
        Py_XDECREF(settings);
        if (!state->values) {
            return NULL;
        }
    }
    return PyObject_GetItem(state->values, name);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->values);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->values);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"get", get_, METH_O, "a value of settings.VALUES"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cached_settings_ok",
    .m_doc = "An attribute, read once by each interpreter.",
    .m_size = sizeof(struct state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_cached_settings_ok(void) {
    return PyModuleDef_Init(&definition);
}
