#include "pool/python/py_compat.h"

#include "pool/python/py_error.h"

#include <stdbool.h>
#include <string.h>

#include "pool/python/main_first.h"

/** Longer chains of exceptions than this are loops. */
enum { CHAIN_LIMIT = 100 };

/** The first attempt may have to import `traceback`, which takes its time. */
enum { FORMAT_ATTEMPTS = 4 };

/** New reference: the exception that led to this one, or NULL. Steals `exception`. */
static PyObject *follow_chain(PyObject *exception) {
    PyObject *next = PyException_GetCause(exception);
    if (!next) {
        next = PyException_GetContext(exception);
    }
    Py_DECREF(exception);
    return next;
}

static bool is_refusal(PyObject *exception) {
    bool found = false;
    Py_INCREF(exception);
    for (int i = 0; exception && !found && i < CHAIN_LIMIT; i++) {
        PyObject *mark = PyObject_GetAttrString(exception, MAIN_FIRST_REFUSAL_MARK);
        found = mark != NULL;
        Py_XDECREF(mark);
        PyErr_Clear();
        exception = follow_chain(exception);
    }
    Py_XDECREF(exception);
    return found;
}

/** New reference: the str that Python would print, or NULL with an exception. */
static PyObject *format(PyObject *exception) {
    PyObject *text = NULL;
    PyObject *traceback = PyImport_ImportModule("traceback");
    PyObject *lines =
        traceback ? PyObject_CallMethod(traceback, "format_exception", "O", exception) : NULL;
    PyObject *nothing = lines ? PyUnicode_FromString("") : NULL;
    if (nothing) {
        text = PyUnicode_Join(nothing, lines);
    }
    Py_XDECREF(nothing);
    Py_XDECREF(lines);
    Py_XDECREF(traceback);
    return text;
}

/**
 * The same, tried again when SystemExit breaks it off: interrupter.c raises that now and again in a
 * thread whose load or request takes too long, and here its traceback is formatted.
 */
static PyObject *format_patiently(PyObject *exception) {
    PyObject *text = NULL;
    for (int attempt = 0; !text && attempt < FORMAT_ATTEMPTS; attempt++) {
        PyErr_Clear();
        text = format(exception);
        if (!text && !PyErr_ExceptionMatches(PyExc_SystemExit)) {
            break;
        }
    }
    return text;
}

/** Copy the end of the text: the exception itself is in its last lines. */
static void copy_end(struct error *err, const char *bytes, size_t size) {
    static const char left_out[] = "[...]\n";
    size_t room = sizeof err->text - 1;
    char *to = err->text;
    while (size > 0 && bytes[size - 1] == '\n') {
        size--;
    }
    if (size > room) {
        memcpy(to, left_out, sizeof left_out - 1);
        to += sizeof left_out - 1;
        room -= sizeof left_out - 1;
        const char *start = bytes + (size - room);
        const char *line = memchr(start, '\n', room);
        start = line ? line + 1 : start;
        size -= (size_t)(start - bytes);
        bytes = start;
    }
    memcpy(to, bytes, size);
    to[size] = '\0';
}

int py_error_take(struct error *err) {
    PyObject *exception = PyErr_GetRaisedException();
    if (!exception || !err) {
        PyErr_Clear();
        Py_XDECREF(exception);
        return error_set(err, ERR_PYTHON, "an error without an exception");
    }
    error_set(err, is_refusal(exception) ? ERR_REFUSED : ERR_PYTHON,
              "%s (its traceback could not "
              "be formatted)",
              Py_TYPE(exception)->tp_name);
    PyObject *text = format_patiently(exception);
    /* Lone surrogates (undecodable file names) cannot be encoded otherwise. */
    PyObject *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
    if (bytes) {
        copy_end(err, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }
    PyErr_Clear();
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    Py_DECREF(exception);
    return -1;
}
