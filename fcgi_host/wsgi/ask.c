/* Requests that the host itself asks of an application, as a web server on this machine would. */
#include "pool/python/py_compat.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/state.h"
#include "fcgi_host/wsgi/wsgi.h"

/* Call check() or answer() of application_import.py. @return new; NULL with an exception */
static PyObject *ask_for(struct wsgi_loaded *loaded, const char *function, const char *path) {
    const struct app_config *config = loaded->config;
    PyObject *environ = PyDict_Copy(loaded->environ);
    PyObject *result = NULL;
    if (environ) {
        result = PyObject_CallMethod(loaded->state->import, function, "OOsss", loaded->callable,
                                     environ, config->host ? config->host : "localhost",
                                     config->mount ? config->mount : "", path);
    }
    Py_XDECREF(environ);
    return result;
}

/* The same as a request of the application's. @return new; NULL with `err` */
static PyObject *ask(struct wsgi_loaded *loaded, const char *function, const char *path,
                     struct error *err) {
    struct wsgi_current *current = wsgi_current();
    current->config = loaded->config;
    current->generation = loaded->generation;
    PyObject *result = ask_for(loaded, function, path);
    if (!result) {
        exception_take(loaded->state, err);
    }
    current->config = NULL;
    return result;
}

int wsgi_check(void *loaded, const char *path, struct error *err) {
    PyObject *status = ask(loaded, "check", path, err);
    if (!status) {
        return error_prefix(err, "check %s", path);
    }
    int is_too_large;
    long number = PyLong_AsLongAndOverflow(status, &is_too_large);
    Py_DECREF(status);
    return number < 400 && !is_too_large
               ? 0
               : error_set(err, ERR_FAILED, "check %s: answered %ld", path, number);
}

int wsgi_answer(void *loaded, const char *path, char **ret_bytes, size_t *ret_size,
                struct error *err) {
    PyObject *answer = ask(loaded, "answer", path, err);
    if (!answer) {
        return -1;
    }
    size_t size = (size_t)PyBytes_GET_SIZE(answer);
    char *copy = malloc(size + 1);
    if (copy) {
        memcpy(copy, PyBytes_AS_STRING(answer), size + 1);
        *ret_bytes = copy;
        *ret_size = size;
    }
    Py_DECREF(answer);
    return copy ? 0 : error_set(err, ERR_MEMORY, "out of memory");
}
