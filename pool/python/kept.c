#include "pool/python/py_compat.h"

#include "pool/python/kept.h"

#include "pool/python/embedded_code.h"

int kept_keep(const char *name, PyObject *object) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get());
    if (!kept) {
        PyErr_NoMemory();
        return -1;
    }
    return PyDict_SetItemString(kept, name, object);
}

PyObject *kept_get(const char *name) {
    PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get());
    return kept ? PyDict_GetItemString(kept, name) : NULL;
}

PyObject *kept_run(const char *name, struct embedded_code *code) {
    PyObject *module = embedded_code_run(code);
    PyObject *globals = module ? PyModule_GetDict(module) : NULL; /* borrowed */
    if (globals && kept_keep(name, globals) != 0) {
        globals = NULL;
    }
    Py_XDECREF(module); /* the globals live on: they are kept */
    return globals;
}
