/* Single-phase without a state: tables that nobody changes are shared without harm. */
#include "module.h"

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "shared_constants",
    .m_doc = "Codes by name, and names in their order.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit_shared_constants(void) {
    PyObject *module = PyModule_Create(&definition);
    PyObject *codes = module ? Py_BuildValue("{s:i,s:i}", "one", 1, "two", 2) : NULL;
    PyObject *names = codes ? Py_BuildValue("[s,s]", "one", "two") : NULL;
    if (!names || PyModule_AddObjectRef(module, "codes", codes) != 0 ||
        PyModule_AddObjectRef(module, "names", names) != 0) {
        Py_CLEAR(module);
    }
    Py_XDECREF(names);
    Py_XDECREF(codes);
    return module;
}
