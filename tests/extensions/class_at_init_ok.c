/* Multi-phase: the execution slot runs in every interpreter that imports the module. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct state {
    PyObject *template_class;
};

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    PyObject *string_module = PyImport_ImportModule("string");
    state->template_class =
        string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
    Py_XDECREF(string_module);
    return state->template_class ? 0 : -1;
}

static PyObject *is_template_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    int result = PyObject_IsInstance(value, state->template_class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->template_class);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->template_class);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "class_at_init_ok",
    .m_doc = "A class, looked up in each interpreter.",
    .m_size = sizeof(struct state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_class_at_init_ok(void) {
    return PyModuleDef_Init(&definition);
}
