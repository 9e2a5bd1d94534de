/* Single-phase: initialised once per process, in whichever interpreter came first (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *template_class;

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    int result = PyObject_IsInstance(value, template_class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "class_at_init",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_class_at_init(void) {
    PyObject *string_module = PyImport_ImportModule("string");
    template_class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
    Py_XDECREF(string_module);
    return template_class ? PyModule_Create(&definition) : NULL;
}
