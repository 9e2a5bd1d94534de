/* A C API in a capsule, as modules offer one to other modules: the module's attribute _API. */
#ifndef UNITS_CAPSULE_H
#define UNITS_CAPSULE_H

#include "module.h"

#define UNITS_NAME "units._API"

struct units {
    int first, factor;
};

static void free_units(PyObject *capsule) {
    PyMem_Free(PyCapsule_GetPointer(capsule, UNITS_NAME));
}

static int add_units(PyObject *module) {
    struct units *units = PyMem_Calloc(1, sizeof *units);
    if (!units) {
        PyErr_NoMemory();
        return -1;
    }
    *units = (struct units){.first = 1, .factor = 1000};
    PyObject *capsule = PyCapsule_New(units, UNITS_NAME, free_units);
    if (!capsule) {
        PyMem_Free(units);
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "_API", capsule);
    Py_DECREF(capsule);
    return result;
}

#endif
