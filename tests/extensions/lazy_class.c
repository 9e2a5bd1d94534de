/* Keeps a class of the interpreter that asked first: others' instances are none (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *template_class; /* looked up once, for ever */

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    if (!template_class) {
        PyObject *string_module = PyImport_ImportModule("string");
        template_class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
        Py_XDECREF(string_module);
        if (!template_class) {
            return NULL;
        }
    }
    int result = PyObject_IsInstance(value, template_class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "lazy_class", .m_doc = "A class, looked up once.",
    .m_size = 0,           .m_methods = methods,   .m_slots = slots,
};

PyMODINIT_FUNC PyInit_lazy_class(void) {
    return PyModuleDef_Init(&definition);
}
