/* Keeps a class of the interpreter that asked first: others' fractions are none (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *fraction_class; /* looked up once, for ever */

static PyObject *is_fraction_(PyObject *module, PyObject *value) {
    (void)module;
    if (!fraction_class) {
        PyObject *fractions = PyImport_ImportModule("fractions");
        fraction_class = fractions ? PyObject_GetAttrString(fractions, "Fraction") : NULL;
        Py_XDECREF(fractions);
        if (!fraction_class) {
            return NULL;
        }
    }
    int result = PyObject_IsInstance(value, fraction_class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_fraction", is_fraction_, METH_O, "whether a value is a fractions.Fraction"},
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
