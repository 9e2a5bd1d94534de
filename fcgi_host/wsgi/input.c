#include "fcgi_host/wsgi/input.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/wsgi/bytes_builder.h"
#include "fcgi_host/wsgi/exception.h"

/* Read ahead for readline(): some records of a form, few bytes for an idle request. */
enum { BUFFER_BYTES = 16 << 10 };

/* What read() allocates before anything has arrived; a client could claim any CONTENT_LENGTH. */
enum { READ_FIRST_BYTES = 4 << 20, READ_UNKNOWN_BYTES = 64 << 10, LINE_FIRST_BYTES = 256 };

struct wsgi_input {
    PyObject ob_base;
    struct exchange *exchange; /* strong */
    int64_t total;             /* CONTENT_LENGTH, or -1 */
    int64_t taken;             /* read from the request, into `buffer` or past it */
    bool at_end;
    bool is_reading; /* a thread is within a call; under the GIL */
    char *buffer;    /* malloc'ed at the first readline() */
    size_t start, end;
};

PyObject *wsgi_input_new(struct wsgi_state *state, struct exchange *exchange) {
    struct wsgi_input *input = PyObject_New(struct wsgi_input, state->input_type);
    if (input) {
        input->exchange = (struct exchange *)Py_NewRef((PyObject *)exchange);
        input->total = exchange->request->content_length;
        input->taken = 0;
        input->at_end = input->total == 0;
        input->is_reading = false;
        input->buffer = NULL;
        input->start = input->end = 0;
    }
    return (PyObject *)input;
}

static void input_dealloc(PyObject *self) {
    struct wsgi_input *input = (struct wsgi_input *)self;
    PyTypeObject *type = Py_TYPE(self);
    free(input->buffer);
    Py_DECREF((PyObject *)input->exchange);
    type->tp_free(self);
    Py_DECREF(type);
}

static size_t buffered_bytes(const struct wsgi_input *input) {
    return input->end - input->start;
}

/* Take bytes out of the buffer. @return how many */
static size_t take_buffered(struct wsgi_input *input, char *to, size_t size) {
    size_t count = buffered_bytes(input) < size ? buffered_bytes(input) : size;
    if (count > 0) {
        memcpy(to, input->buffer + input->start, count);
        input->start += count;
    }
    return count;
}

/* Read at least one byte of the request into `to`. @return bytes, 0 at the end, -1: exception */
static ssize_t fetch_bytes(struct wsgi_input *input, char *to, size_t size) {
    struct error err;
    if (input->at_end) {
        return 0;
    }
    if (input->total >= 0 && (uint64_t)(input->total - input->taken) < size) {
        size = (size_t)(input->total - input->taken);
    }
    ssize_t count = exchange_read(input->exchange, to, size, &err);
    if (count < 0) {
        return exception_raise_io(&err);
    }
    input->taken += count;
    input->at_end = count == 0 || input->taken == input->total;
    if (count == 0 && input->total >= 0) {
        error_set(&err, ERR_CLOSED,
                  "the request's body ended after %" PRId64 " of %" PRId64 " bytes", input->taken,
                  input->total);
        input->at_end = false; /* the next try raises it again */
        return exception_raise_io(&err);
    }
    return count;
}

/* How many bytes can still come at most; PY_SSIZE_T_MAX: unknown. */
static Py_ssize_t bytes_left(const struct wsgi_input *input) {
    if (input->at_end) {
        return (Py_ssize_t)buffered_bytes(input);
    }
    if (input->total < 0) {
        return PY_SSIZE_T_MAX;
    }
    return (Py_ssize_t)(input->total - input->taken) + (Py_ssize_t)buffered_bytes(input);
}

static PyObject *read_bytes(struct wsgi_input *input, Py_ssize_t size) {
    struct bytes_builder builder;
    Py_ssize_t limit = bytes_left(input) < size ? bytes_left(input) : size;
    Py_ssize_t first = input->total < 0 ? READ_UNKNOWN_BYTES : READ_FIRST_BYTES;
    if (bytes_builder_init(&builder, first, limit) < 0) {
        return NULL;
    }
    while (builder.used < limit) {
        if (bytes_builder_grow(&builder) < 0) {
            return NULL;
        }
        char *space = bytes_builder_space(&builder);
        size_t room = (size_t)bytes_builder_room(&builder);
        ssize_t count = (ssize_t)take_buffered(input, space, room);
        if (count == 0) {
            count = fetch_bytes(input, space, room);
        }
        if (count < 0) {
            bytes_builder_discard(&builder);
            return NULL;
        }
        if (count == 0) {
            break;
        }
        builder.used += count;
    }
    return bytes_builder_finish(&builder);
}

/* Fill the empty buffer. @return bytes, 0 at the end, -1: exception */
static ssize_t fill_buffer(struct wsgi_input *input) {
    if (!input->buffer) {
        input->buffer = malloc(BUFFER_BYTES);
        if (!input->buffer) {
            PyErr_NoMemory();
            return -1;
        }
    }
    input->start = input->end = 0;
    ssize_t count = fetch_bytes(input, input->buffer, BUFFER_BYTES);
    if (count > 0) {
        input->end = (size_t)count;
    }
    return count;
}

/* The bytes in the buffer up to a newline, at most `limit`. */
static size_t piece_of_line(const struct wsgi_input *input, size_t limit, bool *ret_is_whole) {
    const char *from = input->buffer + input->start;
    size_t size = buffered_bytes(input) < limit ? buffered_bytes(input) : limit;
    const char *newline = memchr(from, '\n', size);
    *ret_is_whole = newline || size == limit;
    return newline ? (size_t)(newline - from) + 1 : size;
}

/* A line that is longer than the buffered bytes. */
static PyObject *read_long_line(struct wsgi_input *input, Py_ssize_t limit) {
    struct bytes_builder builder;
    if (bytes_builder_init(&builder, LINE_FIRST_BYTES, limit) < 0) {
        return NULL;
    }
    bool is_whole = false;
    while (!is_whole && builder.used < limit) {
        ssize_t filled = buffered_bytes(input) > 0 ? 1 : fill_buffer(input);
        if (filled < 0 || (filled > 0 && bytes_builder_grow(&builder) < 0)) {
            bytes_builder_discard(&builder);
            return NULL;
        }
        if (filled == 0) {
            break;
        }
        size_t size = piece_of_line(input, (size_t)(limit - builder.used), &is_whole);
        size_t room = (size_t)bytes_builder_room(&builder);
        if (size > room) {
            size = room;
            is_whole = false;
        }
        builder.used += (Py_ssize_t)take_buffered(input, bytes_builder_space(&builder), size);
    }
    return bytes_builder_finish(&builder);
}

static PyObject *read_line(struct wsgi_input *input, Py_ssize_t limit) {
    if (buffered_bytes(input) == 0 && limit > 0 && fill_buffer(input) < 0) {
        return NULL;
    }
    if (buffered_bytes(input) == 0 || limit == 0) {
        return PyBytes_FromStringAndSize(NULL, 0);
    }
    bool is_whole;
    size_t size = piece_of_line(input, (size_t)limit, &is_whole);
    if (!is_whole) {
        return read_long_line(input, limit);
    }
    PyObject *line = PyBytes_FromStringAndSize(input->buffer + input->start, (Py_ssize_t)size);
    if (line) {
        input->start += size;
    }
    return line;
}

/* An optional size: absent, None and negative ones mean "all". @return 0, -1: exception */
static int parse_size(PyObject *const *args, Py_ssize_t count, const char *method,
                      Py_ssize_t *ret_size) {
    *ret_size = PY_SSIZE_T_MAX;
    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most 1 argument (%zd given)", method, count);
        return -1;
    }
    if (count == 1 && args[0] != Py_None) {
        Py_ssize_t size = PyNumber_AsSsize_t(args[0], NULL);
        if (size == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (size >= 0) {
            *ret_size = size;
        }
    }
    return 0;
}

/* Only one thread at a time may use the buffer: a call may detach while it fills the buffer. */
static int begin_reading(struct wsgi_input *input) {
    if (input->is_reading) {
        PyErr_SetString(PyExc_RuntimeError, "wsgi.input is being read by another thread");
        return -1;
    }
    input->is_reading = true;
    return 0;
}

static PyObject *method_read(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    struct wsgi_input *input = (struct wsgi_input *)self;
    Py_ssize_t size;
    if (parse_size(args, count, "read", &size) < 0 || begin_reading(input) < 0) {
        return NULL;
    }
    PyObject *bytes = read_bytes(input, size);
    input->is_reading = false;
    return bytes;
}

static PyObject *method_readline(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    struct wsgi_input *input = (struct wsgi_input *)self;
    Py_ssize_t limit;
    if (parse_size(args, count, "readline", &limit) < 0 || begin_reading(input) < 0) {
        return NULL;
    }
    PyObject *line = read_line(input, limit);
    input->is_reading = false;
    return line;
}

static PyObject *next_line(PyObject *self) {
    PyObject *line = method_readline(self, NULL, 0);
    if (line && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line); /* NULL without an exception: StopIteration */
    }
    return line;
}

static PyObject *method_readlines(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    Py_ssize_t hint, total = 0;
    if (parse_size(args, count, "readlines", &hint) < 0) {
        return NULL;
    }
    if (hint == 0) { /* as io.IOBase.readlines(): no hint */
        hint = PY_SSIZE_T_MAX;
    }
    PyObject *lines = PyList_New(0), *line = NULL;
    while (lines && total < hint && (line = next_line(self))) {
        total += PyBytes_GET_SIZE(line);
        if (PyList_Append(lines, line) < 0) {
            Py_CLEAR(lines);
        }
        Py_DECREF(line);
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(lines);
    }
    return lines;
}

#define METHOD(name, flags, doc)                                                                   \
    { #name, (PyCFunction)(void (*)(void))method_##name, flags, doc }

PyTypeObject *wsgi_input_type_new(PyObject *module) {
    static PyMethodDef methods[] = {
        METHOD(read, METH_FASTCALL, "read([size]) -> bytes; fewer than size only at the end"),
        METHOD(readline, METH_FASTCALL, "readline([size]) -> bytes"),
        METHOD(readlines, METH_FASTCALL, "readlines([hint]) -> list of lines"),
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, input_dealloc},
        {Py_tp_methods, methods},
        {Py_tp_iter, PyObject_SelfIter},
        {Py_tp_iternext, next_line},
        {Py_tp_doc, (char *)"The request's body (wsgi.input)."},
        {0, NULL},
    };
    static PyType_Spec spec = {
        .name = "fcgi_host.input",
        .basicsize = sizeof(struct wsgi_input),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
