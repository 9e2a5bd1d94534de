/* The Python side of this file is in application_modules.py. */
#define PY_SSIZE_T_CLEAN
#include "pool/python/py_compat.h"

#include <stdlib.h>
#include <string.h>

#include "embedded/application_modules_py.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/embedded_code.h"

static struct embedded_code s_modules = {"application_modules", application_modules_py, NULL};

/** @return a new reference, or NULL with an exception */
static PyObject *describe(const struct wsgi_state *state) {
    PyObject *modules = embedded_code_run(&s_modules);
    PyObject *bytes = modules ? PyObject_CallMethod(modules, "describe", "O", state->import) : NULL;
    Py_XDECREF(modules);
    return bytes;
}

int wsgi_modules_describe(struct wsgi_modules *ret_modules, struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    PyObject *bytes = state ? describe(state) : NULL;
    if (!bytes) {
        if (state) {
            exception_take(state, err);
        }
        return -1; /* else the pool formats the exception */
    }
    size_t size = (size_t)PyBytes_GET_SIZE(bytes);
    char *copy = malloc(size);
    if (copy) {
        memcpy(copy, PyBytes_AS_STRING(bytes), size);
        *ret_modules = (struct wsgi_modules){copy, size};
    }
    Py_DECREF(bytes);
    return copy ? 0 : error_set(err, ERR_MEMORY, "out of memory");
}

int wsgi_modules_import(const struct wsgi_modules *described, struct error *err) {
    struct wsgi_state *state = wsgi_state_get();
    PyObject *modules = state ? embedded_code_run(&s_modules) : NULL;
    PyObject *done = modules
                         ? PyObject_CallMethod(modules, "import_changed", "y#O", described->bytes,
                                               (Py_ssize_t)described->size, state->import)
                         : NULL;
    Py_XDECREF(modules);
    if (!done && state) {
        exception_take(state, err);
    }
    Py_XDECREF(done);
    return done ? 0 : -1;
}
