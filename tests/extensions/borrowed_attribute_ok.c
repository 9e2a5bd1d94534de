/* The reference is kept for as long as the pointer is. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct state {
    PyObject *format_value;
};

static PyObject *format_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    if (!state->format_value) {
        PyObject *settings = PyImport_ImportModule("settings");
        state->format_value = settings ? PyObject_GetAttrString(settings, "format_value") : NULL;
        Py_XDECREF(settings);
        if (!state->format_value) {
            return NULL;
        }
    }
    return PyObject_CallOneArg(state->format_value, value);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->format_value);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->format_value);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"format", format_, METH_O, "settings.format_value(value)"},
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
    .m_name = "borrowed_attribute_ok",
    .m_doc = "A function, kept with a reference.",
    .m_size = sizeof(struct state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_borrowed_attribute_ok(void) {
    return PyModuleDef_Init(&definition);
}
