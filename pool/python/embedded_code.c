#include "pool/python/embedded_code.h"

#include <marshal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct embedded_bytes {
    Py_ssize_t size;
    char bytes[];
};

enum { FILE_NAME_BYTES = 64 };
/** As python -OO. */
enum { WITHOUT_DOCSTRINGS = 2 };

/* Keep a code object for the next time, unless another thread was first. */
static void keep_code(struct embedded_code *code, PyObject *object) {
    PyObject *marshalled = PyMarshal_WriteObjectToString(object, Py_MARSHAL_VERSION);
    if (!marshalled) {
        PyErr_Clear(); /* compile it again, then */
        return;
    }
    size_t size = (size_t)PyBytes_GET_SIZE(marshalled);
    struct embedded_bytes *kept = malloc(sizeof *kept + size), *none = NULL;
    if (kept) {
        kept->size = (Py_ssize_t)size;
        memcpy(kept->bytes, PyBytes_AS_STRING(marshalled), size);
        if (!atomic_compare_exchange_strong(&code->compiled, &none, kept)) {
            free(kept);
        }
    }
    Py_DECREF(marshalled);
}

static PyObject *get_code_object(struct embedded_code *code) {
    struct embedded_bytes *compiled = atomic_load(&code->compiled);
    if (compiled) {
        return PyMarshal_ReadObjectFromString(compiled->bytes, compiled->size);
    }
    char file_name[FILE_NAME_BYTES];
    snprintf(file_name, sizeof file_name, "<fcgi_host %s>", code->name);
    PyObject *object =
        Py_CompileStringExFlags(code->source, file_name, Py_file_input, NULL, WITHOUT_DOCSTRINGS);
    if (object) {
        keep_code(code, object);
    }
    return object;
}

/* Its imports are not put off, whatever the interpreter does with the applications'.
 * @return a new reference, or NULL with an exception */
static PyObject *execute(PyObject *object, PyObject *globals) {
    PyImport_LazyImportsMode mode = PyImport_GetLazyImportsMode();
    if (PyImport_SetLazyImportsMode(PyImport_LAZY_NORMAL) < 0) {
        return NULL;
    }
    PyObject *result = PyEval_EvalCode(object, globals, globals);
    if (PyImport_SetLazyImportsMode(mode) < 0) {
        Py_CLEAR(result);
    }
    return result;
}

PyObject *embedded_code_run(struct embedded_code *code) {
    PyObject *module = PyModule_New(code->name);
    PyObject *globals = module ? PyModule_GetDict(module) : NULL; /* borrowed */
    PyObject *object = globals ? get_code_object(code) : NULL;
    PyObject *result = NULL;
    if (object && PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0) {
        result = execute(object, globals);
    }
    if (!result) {
        Py_CLEAR(module);
    }
    Py_XDECREF(result);
    Py_XDECREF(object);
    return module;
}
