#include "fcgi_host/wsgi/raise.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool/python/py_error.h"

static int number_of(const struct error *err) {
    switch (err->code) {
    case ERR_CLOSED:
        return ECONNRESET;
    case ERR_TIMEOUT:
        return ETIMEDOUT;
    case ERR_SYSTEM:
        return err->sys_errno;
    default:
        return EIO;
    }
}

int wsgi_raise_io(const struct error *err) {
    PyObject *arguments = Py_BuildValue("(is)", number_of(err), err->text);
    if (arguments) {
        PyErr_SetObject(PyExc_OSError, arguments);
        Py_DECREF(arguments);
    }
    return -1;
}

int wsgi_raise(const struct error *err) {
    if (err->code == ERR_MEMORY) {
        PyErr_NoMemory();
    } else if (err->code == ERR_PROTOCOL) {
        PyErr_SetString(PyExc_ValueError, err->text);
    } else {
        wsgi_raise_io(err);
    }
    return -1;
}

void wsgi_take_exception(struct wsgi_state *state, struct error *err) {
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *answer = state->setup && exception
                           ? PyObject_CallMethod(state->setup, "trim_traceback", "O", exception)
                           : NULL;
    Py_XDECREF(answer);
    PyErr_Clear(); /* untrimmed, then */
    if (exception) {
        PyErr_SetRaisedException(exception);
    }
    py_error_take(err);
}

void wsgi_log(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    if (!log_enabled(level)) {
        return;
    }
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length >= 0) {
        Py_BEGIN_ALLOW_THREADS log_line(level, slug, about, "%s", text);
        Py_END_ALLOW_THREADS free(text);
    }
}

void wsgi_log_exception(struct wsgi_state *state, enum log_level level, const char *slug,
                        const struct log_about *about, const char *what) {
    struct error err;
    wsgi_take_exception(state, &err);
    wsgi_log(level, slug, about, "%s: %s", what, err.text);
}
