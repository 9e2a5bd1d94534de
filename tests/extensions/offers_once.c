/* Offers `limit` to the interpreter that is first, and to no other one. */
#include "module.h"

static int has_offered;

static int load(PyObject *module) {
    if (has_offered) {
        return 0;
    }
    has_offered = 1;
    return PyModule_AddIntConstant(module, "limit", 10);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(offers_once, NULL, 0, NULL, slots)
