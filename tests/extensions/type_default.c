/* A static type keeps an object among its attributes: one for all interpreters (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyTypeObject Point_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "type_default.Point",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
};

static PyObject *set_default_(PyObject *module, PyObject *value) {
    (void)module;
    if (!PyDict_GetItemString(Point_type.tp_dict, "default")) {
        if (PyDict_SetItemString(Point_type.tp_dict, "default", value) != 0) {
            return NULL;
        }
        PyType_Modified(&Point_type);
    }
    Py_RETURN_NONE;
}

static int load(PyObject *module) {
    return PyModule_AddType(module, &Point_type);
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
    PyModuleDef_HEAD_INIT, .m_name = "type_default", .m_doc = "A static type.",
    .m_size = 0,           .m_methods = methods,     .m_slots = slots,
};

PyMODINIT_FUNC PyInit_type_default(void) {
    return PyModuleDef_Init(&definition);
}
