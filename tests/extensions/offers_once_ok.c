/* offers_once.c, corrected: every interpreter gets `limit`. */
#include "module.h"

static int load(PyObject *module) {
    return PyModule_AddIntConstant(module, "limit", 10);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(offers_once_ok, NULL, 0, NULL, slots)
