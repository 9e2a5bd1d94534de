/* A heap type, made for each interpreter from a specification. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct state {
    PyObject *point_type;
};

static void dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot point_slots[] = {
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_dealloc, dealloc},
    {0, NULL},
};

static PyType_Spec point_spec = {
    .name = "type_default_ok.Point",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = point_slots,
};

static PyObject *set_default_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    if (!PyObject_HasAttrString(state->point_type, "default") &&
        PyObject_SetAttrString(state->point_type, "default", value) != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    state->point_type = PyType_FromModuleAndSpec(module, &point_spec, NULL);
    return state->point_type ? PyModule_AddType(module, (PyTypeObject *)state->point_type) : -1;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->point_type);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->point_type);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"set_default", set_default_, METH_O, "set Point.default, unless it is set"},
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
    PyModuleDef_HEAD_INIT,   .m_name = "type_default_ok",
    .m_doc = "A heap type.", .m_size = sizeof(struct state),
    .m_methods = methods,    .m_slots = slots,
    .m_traverse = traverse,  .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_type_default_ok(void) {
    return PyModuleDef_Init(&definition);
}
