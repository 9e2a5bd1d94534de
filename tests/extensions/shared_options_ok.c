/* Each interpreter executes the module, and makes options of its own. */
#include "module.h"

static int load(PyObject *module) {
    PyObject *options = PyDict_New();
    int result = options ? PyModule_AddObjectRef(module, "options", options) : -1;
    Py_XDECREF(options);
    return result;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(shared_options_ok, "Options, which applications enter.", 0, NULL, slots)
