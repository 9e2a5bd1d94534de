/* Imports another module of its package, "sibling", while it is created. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static int times_created;

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "imports_sibling", NULL, -1, NULL};

PyMODINIT_FUNC PyInit_imports_sibling(void) {
    PyObject *module = PyModule_Create(&definition);
    PyObject *helper = module ? PyImport_ImportModule("sibling.helper") : NULL;
    if (!helper || PyModule_AddIntConstant(module, "times_created", ++times_created) != 0) {
        Py_CLEAR(module);
    }
    Py_XDECREF(helper);
    return module;
}
