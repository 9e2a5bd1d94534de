/* Single-phase: initialised once per process, in whichever interpreter came first (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *fraction_class;

static PyObject *is_fraction_(PyObject *module, PyObject *value) {
    (void)module;
    int result = PyObject_IsInstance(value, fraction_class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_fraction", is_fraction_, METH_O, "whether a value is a fractions.Fraction"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "class_at_init",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_class_at_init(void) {
    PyObject *fractions = PyImport_ImportModule("fractions");
    fraction_class = fractions ? PyObject_GetAttrString(fractions, "Fraction") : NULL;
    Py_XDECREF(fractions);
    return fraction_class ? PyModule_Create(&definition) : NULL;
}
