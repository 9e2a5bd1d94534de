/* Keeps another module's C API for ever; it goes with the interpreter it was for (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include "api_provider.h"
#include <Python.h>

static struct provider_api *api; /* as PyDateTime_IMPORT does it */

static PyObject *fail_(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!api && !(api = PyCapsule_Import(PROVIDER_CAPSULE, 0))) {
        return NULL;
    }
    PyErr_SetString(api->error, "failed as asked");
    return NULL;
}

static PyMethodDef methods[] = {
    {"fail", fail_, METH_NOARGS, "raise api_provider.Error"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "api_consumer", .m_doc = "A C API, imported once.",
    .m_size = 0,           .m_methods = methods,     .m_slots = slots,
};

PyMODINIT_FUNC PyInit_api_consumer(void) {
    return PyModuleDef_Init(&definition);
}
