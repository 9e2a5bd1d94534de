/* Gives its reference back too early and keeps the pointer (hazard 3). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *format_value; /* "the module keeps it alive" */

static PyObject *format_(PyObject *module, PyObject *value) {
    (void)module;
    if (!format_value) {
        PyObject *settings = PyImport_ImportModule("settings");
        format_value = settings ? PyObject_GetAttrString(settings, "format_value") : NULL;
        Py_XDECREF(settings);
        if (!format_value) {
            return NULL;
        }
        Py_DECREF(format_value);
    }
    return PyObject_CallOneArg(format_value, value);
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
    .m_name = "borrowed_attribute",
    .m_doc = "A function, kept without a reference.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_borrowed_attribute(void) {
    return PyModuleDef_Init(&definition);
}
