/* Keeps another module's C API, which is freed with the interpreter that imported it (hazard 2). */
#include "api_provider.h"
#include "module.h"

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

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(api_consumer, "A C API, imported once.", 0, methods, slots)
