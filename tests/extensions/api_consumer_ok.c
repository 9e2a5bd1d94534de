/* Imports the C API in each interpreter and holds the capsule that keeps it alive. */
#include "api_provider.h"
#include "one_object.h"

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    PyObject *provider = PyImport_ImportModule("api_provider");
    state->object = provider ? PyObject_GetAttrString(provider, "_API") : NULL;
    Py_XDECREF(provider);
    return state->object ? 0 : -1;
}

static PyObject *fail_(PyObject *module, PyObject *unused) {
    struct state *state = PyModule_GetState(module);
    struct provider_api *api = PyCapsule_GetPointer(state->object, PROVIDER_CAPSULE);
    (void)unused;
    if (api) {
        PyErr_SetString(api->error, "failed as asked");
    }
    return NULL;
}

static PyMethodDef methods[] = {
    {"fail", fail_, METH_NOARGS, "raise api_provider.Error"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(api_consumer_ok, "A C API, imported by each interpreter.", sizeof(struct state), methods,
       slots, traverse, clear, free_state)
