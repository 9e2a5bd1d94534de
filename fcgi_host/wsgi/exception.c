#include "fcgi_host/wsgi/exception.h"

#include <errno.h>

#include "pool/python/py_error.h"

/** Longer chains of exceptions are cut off: they may be circular. */
enum { CHAIN_MAX = 16 };

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

int exception_raise_io(const struct error *err) {
    PyObject *arguments = Py_BuildValue("(is)", number_of(err), err->text);
    if (arguments) {
        PyErr_SetObject(PyExc_OSError, arguments);
        Py_DECREF(arguments);
    }
    return -1;
}

int exception_raise(const struct error *err) {
    if (err->code == ERR_MEMORY) {
        PyErr_NoMemory();
    } else if (err->code == ERR_PROTOCOL) {
        PyErr_SetString(PyExc_ValueError, err->text);
    } else {
        exception_raise_io(err);
    }
    return -1;
}

void exception_take(struct wsgi_state *state, struct error *err) {
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

int exception_errno(PyObject *exception) {
    PyObject *each = Py_NewRef(exception);
    int number = 0;
    for (int links = 0; each && number == 0 && links < CHAIN_MAX; links++) {
        PyObject *text = PyErr_GivenExceptionMatches(each, PyExc_OSError)
                             ? PyObject_GetAttrString(each, "errno")
                             : NULL;
        number = text && PyLong_Check(text) ? (int)PyLong_AsLong(text) : 0;
        Py_XDECREF(text);
        PyErr_Clear();
        PyObject *cause = PyException_GetCause(each);
        Py_SETREF(each, cause ? cause : PyException_GetContext(each));
    }
    Py_XDECREF(each);
    return number;
}
