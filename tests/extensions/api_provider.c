/* Offers a C API in a capsule, as it should be: made for, and freed with, its interpreter. */
#define PY_SSIZE_T_CLEAN
#include "api_provider.h"
#include <Python.h>

static void free_api(PyObject *capsule) {
    struct provider_api *api = PyCapsule_GetPointer(capsule, PROVIDER_CAPSULE);
    if (api) {
        Py_XDECREF(api->error);
        free(api);
    }
}

static int load(PyObject *module) {
    struct provider_api *api = calloc(1, sizeof *api);
    if (!api) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *capsule = PyCapsule_New(api, PROVIDER_CAPSULE, free_api);
    if (!capsule) {
        free(api);
        return -1;
    }
    api->version = 1;
    api->error = PyErr_NewException("api_provider.Error", NULL, NULL);
    int failed = !api->error || PyModule_AddObjectRef(module, "Error", api->error) != 0 ||
                 PyModule_AddObjectRef(module, "_API", capsule) != 0;
    Py_DECREF(capsule);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "api_provider", .m_doc = "A C API in a capsule.",
    .m_size = 0,           .m_slots = slots,
};

PyMODINIT_FUNC PyInit_api_provider(void) {
    return PyModuleDef_Init(&definition);
}
