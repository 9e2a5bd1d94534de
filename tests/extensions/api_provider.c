/* Offers a C API in a capsule, as it should be: made for, and freed with, its interpreter. */
#include "api_provider.h"
#include "module.h"

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

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(api_provider, "A C API in a capsule.", 0, NULL, slots)
