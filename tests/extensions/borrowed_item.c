/* Keeps a borrowed reference to a dictionary's item (hazard 3). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *limits; /* borrowed from the module's dictionary, "which never goes away" */

static PyObject *limit_(PyObject *module, PyObject *name) {
    (void)module;
    if (!limits) {
        PyObject *settings = PyImport_ImportModule("settings");
        if (!settings) {
            return NULL;
        }
        limits = PyDict_GetItemString(PyModule_GetDict(settings), "LIMITS");
        Py_DECREF(settings);
        if (!limits) {
            return Py_NewRef(Py_None);
        }
    }
    return PyObject_GetItem(limits, name);
}

static PyMethodDef methods[] = {
    {"limit", limit_, METH_O, "an entry of settings.LIMITS"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "borrowed_item", .m_doc = "A borrowed item.",
    .m_size = 0,           .m_methods = methods,      .m_slots = slots,
};

PyMODINIT_FUNC PyInit_borrowed_item(void) {
    return PyModuleDef_Init(&definition);
}
