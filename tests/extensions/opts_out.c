/* Admits that it has state for the process, and refuses a second interpreter: honest, and safe. */
#include "module.h"

static int is_loaded;

static int load(PyObject *module) {
    (void)module;
    if (is_loaded) {
        PyErr_SetString(PyExc_ImportError, "opts_out can be loaded once per process only");
        return -1;
    }
    is_loaded = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_SUPPORTED},
#endif
    {0, NULL},
};

MODULE(opts_out, NULL, 0, NULL, slots)
