/* Single-phase without a state: all interpreters get one dictionary of options (hazard 2). */
#include "module.h"

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "shared_options",
    .m_doc = "Options, which applications enter.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit_shared_options(void) {
    PyObject *module = PyModule_Create(&definition);
    PyObject *options = module ? PyDict_New() : NULL;
    if (!options || PyModule_AddObject(module, "options", options) != 0) {
        Py_XDECREF(options);
        Py_CLEAR(module);
    }
    return module;
}
