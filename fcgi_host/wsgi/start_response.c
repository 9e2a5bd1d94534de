/* Follows: PEP 3333, "The start_response() Callable", "The write() Callable"; where that leaves a
 * choice, wsgiref.validate and wsgiref.handlers. */
#include "fcgi_host/wsgi/start_response.h"

#include <stddef.h>
#include <stdlib.h>
#include <structmember.h>

#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/exchange.h"

enum { ARG_STATUS, ARG_HEADERS, ARG_EXC_INFO, ARG_COUNT };

/* PEP 3333 calls the second one response_headers; its example and wsgiref call it headers. */
static int argument_index(PyObject *keyword) {
    static const struct {
        const char *name;
        int index;
    } names[] = {{"status", ARG_STATUS},
                 {"headers", ARG_HEADERS},
                 {"response_headers", ARG_HEADERS},
                 {"exc_info", ARG_EXC_INFO}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (PyUnicode_CompareWithASCIIString(keyword, names[i].name) == 0) {
            return names[i].index;
        }
    }
    return -1;
}

static int parse_arguments(PyObject *const *args, size_t nargsf, PyObject *kwnames,
                           PyObject **ret_arguments) {
    Py_ssize_t given = PyVectorcall_NARGS(nargsf);
    if (given > ARG_COUNT) {
        PyErr_Format(PyExc_TypeError, "start_response() takes 2 or 3 arguments, not %zd", given);
        return -1;
    }
    for (Py_ssize_t i = 0; i < ARG_COUNT; i++) {
        ret_arguments[i] = i < given ? args[i] : NULL;
    }
    for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); i++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, i);
        int index = argument_index(keyword);
        if (index < 0 || ret_arguments[index]) {
            PyErr_Format(PyExc_TypeError, "start_response() got an unexpected argument %R",
                         keyword);
            return -1;
        }
        ret_arguments[index] = args[given + i];
    }
    if (!ret_arguments[ARG_STATUS] || !ret_arguments[ARG_HEADERS]) {
        PyErr_SetString(PyExc_TypeError, "start_response() needs a status and headers");
        return -1;
    }
    return 0;
}

/* Raise what exc_info holds, with its traceback. */
static void raise_again(PyObject *exc_info) {
    PyObject *value = PyTuple_GET_ITEM(exc_info, 1), *traceback = PyTuple_GET_ITEM(exc_info, 2);
    if (!PyExceptionInstance_Check(value)) {
        PyErr_SetString(PyExc_AssertionError,
                        "the headers were sent already, and exc_info holds no exception");
        return;
    }
    if (traceback != Py_None && PyException_SetTraceback(value, traceback) < 0) {
        return;
    }
    PyErr_SetObject((PyObject *)Py_TYPE(value), value);
}

/* Whether start_response may be called, or called again. @return 0, or -1 with an exception */
static int check_again(struct exchange *exchange, PyObject *exc_info) {
    if (!exc_info || exc_info == Py_None) {
        if (exchange->response.status) {
            PyErr_SetString(PyExc_AssertionError,
                            "start_response() was called already (without exc_info)");
            return -1;
        }
        return 0;
    }
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3) {
        PyErr_SetString(PyExc_TypeError, "exc_info must be the tuple that sys.exc_info() returns");
        return -1;
    }
    if (exchange->phase != EXCHANGE_HEAD) {
        raise_again(exc_info);
        return -1;
    }
    return 0;
}

/* The bytes of a native string. @return 0, or -1 with an exception */
static int native_string(PyObject *object, const char *what, struct slice *ret_slice) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", what,
                     Py_TYPE(object)->tp_name);
        return -1;
    }
    if (PyUnicode_KIND(object) != PyUnicode_1BYTE_KIND) {
        PyErr_Format(PyExc_ValueError, "%s has characters outside of ISO-8859-1: %.200R", what,
                     object);
        return -1;
    }
    ret_slice->bytes = (const char *)PyUnicode_1BYTE_DATA(object);
    ret_slice->size = (size_t)PyUnicode_GET_LENGTH(object);
    return 0;
}

static int add_header(struct exchange *exchange, PyObject *item) {
    struct slice name, value;
    if (!PyTuple_CheckExact(item) || PyTuple_GET_SIZE(item) != 2) {
        PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %.200R", item);
        return -1;
    }
    if (native_string(PyTuple_GET_ITEM(item, 0), "a header's name", &name) < 0 ||
        native_string(PyTuple_GET_ITEM(item, 1), "a header's value", &value) < 0) {
        return -1;
    }
    struct error err;
    return response_add_header(&exchange->response, name, value, &err) < 0 ? exception_raise(&err)
                                                                           : 0;
}

static int set_response(struct exchange *exchange, PyObject *status, PyObject *headers) {
    struct slice line;
    struct error err;
    if (native_string(status, "the status", &line) < 0) {
        return -1;
    }
    if (!PyList_CheckExact(headers)) {
        PyErr_Format(PyExc_TypeError, "the headers must be a list of tuples, not %.100s",
                     Py_TYPE(headers)->tp_name);
        return -1;
    }
    if (response_set_status(&exchange->response, line, &err) < 0) {
        return exception_raise(&err);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(headers); i++) {
        if (add_header(exchange, PyList_GET_ITEM(headers, i)) < 0) {
            response_clear(&exchange->response);
            return -1;
        }
    }
    return 0;
}

static PyObject *write_block(PyObject *self, PyObject *block) {
    struct exchange *exchange = (struct exchange *)self;
    struct error err;
    if (!PyBytes_Check(block)) {
        PyErr_Format(PyExc_TypeError, "write() takes bytes, not %.100s", Py_TYPE(block)->tp_name);
        return NULL;
    }
    if (!exchange->response.status) {
        PyErr_SetString(PyExc_AssertionError, "write() before start_response()");
        return NULL;
    }
    if (exchange_send(exchange, PyBytes_AS_STRING(block), (size_t)PyBytes_GET_SIZE(block), false,
                      &err) < 0) {
        exception_raise(&err);
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef s_write = {"write", write_block, METH_O, "Send a block of the response's body."};

PyObject *start_response_call(PyObject *self, PyObject *const *args, size_t nargsf,
                              PyObject *kwnames) {
    struct exchange *exchange = (struct exchange *)self;
    PyObject *arguments[ARG_COUNT];
    if (parse_arguments(args, nargsf, kwnames, arguments) < 0 ||
        check_again(exchange, arguments[ARG_EXC_INFO]) < 0) {
        return NULL;
    }
    if (!exchange->request) {
        PyErr_SetString(PyExc_AssertionError, "start_response() after the request was finished");
        return NULL;
    }
    if (set_response(exchange, arguments[ARG_STATUS], arguments[ARG_HEADERS]) < 0) {
        return NULL;
    }
    return PyCFunction_NewEx(&s_write, self, NULL);
}

static void exchange_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    struct exchange *exchange = (struct exchange *)self;
    response_clear(&exchange->response);
    free(exchange->deferred);
    live_page_clear(&exchange->live_page);
    type->tp_free(self);
    Py_DECREF(type);
}

PyTypeObject *start_response_type_new(PyObject *module) {
    static PyMemberDef members[] = {
        {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct exchange, vectorcall), READONLY, NULL},
        {NULL, 0, 0, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, exchange_dealloc},
        {Py_tp_call, PyVectorcall_Call},
        {Py_tp_members, members},
        {Py_tp_doc, (char *)"PEP 3333's start_response callable of one request."},
        {0, NULL},
    };
    static PyType_Spec spec = {
        .name = "fcgi_host.start_response",
        .basicsize = sizeof(struct exchange),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
                 Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
