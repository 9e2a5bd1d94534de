/* Imports the C API in each interpreter and holds the capsule that keeps it alive. */
#define PY_SSIZE_T_CLEAN
#include "api_provider.h"
#include <Python.h>

struct state {
    PyObject *capsule;
};

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    PyObject *provider = PyImport_ImportModule("api_provider");
    state->capsule = provider ? PyObject_GetAttrString(provider, "_API") : NULL;
    Py_XDECREF(provider);
    return state->capsule ? 0 : -1;
}

static PyObject *fail_(PyObject *module, PyObject *unused) {
    struct state *state = PyModule_GetState(module);
    struct provider_api *api = PyCapsule_GetPointer(state->capsule, PROVIDER_CAPSULE);
    (void)unused;
    if (api) {
        PyErr_SetString(api->error, "failed as asked");
    }
    return NULL;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->capsule);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->capsule);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"fail", fail_, METH_NOARGS, "raise api_provider.Error"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "api_consumer_ok",
    .m_doc = "A C API, imported by each interpreter.",
    .m_size = sizeof(struct state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_api_consumer_ok(void) {
    return PyModuleDef_Init(&definition);
}
