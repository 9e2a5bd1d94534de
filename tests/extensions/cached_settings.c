/* Caches an attribute of an application's module: new code, old settings (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *values; /* the dict settings.VALUES of whoever asked first */

static PyObject *get_(PyObject *module, PyObject *name) {
    (void)module;
    if (!values) {
        PyObject *settings = PyImport_ImportModule("settings");
        values = settings ? PyObject_GetAttrString(settings, "VALUES") : NULL;
        Py_XDECREF(settings);
        if (!values) {
            return NULL;
        }
    }
    return PyObject_GetItem(values, name);
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
    PyModuleDef_HEAD_INIT, .m_name = "cached_settings", .m_doc = "An attribute, read once.",
    .m_size = 0,           .m_methods = methods,        .m_slots = slots,
};

PyMODINIT_FUNC PyInit_cached_settings(void) {
    return PyModuleDef_Init(&definition);
}
