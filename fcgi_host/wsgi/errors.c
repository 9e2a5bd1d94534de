#include "fcgi_host/wsgi/errors.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/wsgi/exchange.h"
#include "fcgi_host/wsgi/loaded.h"
#include "fcgi_host/wsgi/log.h"

/* An unfinished line longer than this is passed on as it is. */
enum { LINE_BYTES = 64 << 10 };

struct wsgi_errors {
    PyObject ob_base;
    const struct app_config *config; /* outlives its generations */
    uint64_t generation;
};

PyObject *wsgi_errors_new(const struct wsgi_loaded *loaded) {
    struct wsgi_errors *errors = PyObject_New(struct wsgi_errors, loaded->state->errors_type);
    if (errors) {
        errors->config = loaded->config;
        errors->generation = loaded->generation;
    }
    return (PyObject *)errors;
}

static void errors_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Pass text on, without the newline at its end in our log. */
static void pass_on_text(const struct log_about *about, struct exchange *exchange, const char *text,
                         size_t size) {
    if (exchange) {
        exchange_send_errors(exchange, text, size);
    }
    size_t shown = size > 0 && text[size - 1] == '\n' ? size - 1 : size;
    if (shown > 0) {
        wsgi_log(LOG_WARN, "app.errors", about, "%.*s", (int)shown, text);
    }
}

void wsgi_errors_flush(struct wsgi_current *current) {
    if (current->errors_bytes > 0) {
        struct log_about about = wsgi_current_about(current);
        char *text = current->errors_text;
        size_t size = current->errors_bytes;
        current->errors_text = NULL;
        current->errors_bytes = 0;
        pass_on_text(&about, current->exchange, text, size);
        free(text);
    }
}

/* Keep text until its line is complete. @return 0, or -1 when there is no memory for it */
static int keep_text(struct wsgi_current *current, const char *text, size_t size) {
    char *all = realloc(current->errors_text, current->errors_bytes + size);
    if (!all) {
        return -1;
    }
    memcpy(all + current->errors_bytes, text, size);
    current->errors_text = all;
    current->errors_bytes += size;
    return 0;
}

static int write_current(struct wsgi_current *current, const char *text, size_t size) {
    if (size == 0) {
        return 0;
    }
    if (keep_text(current, text, size) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    const char *newline = memrchr(current->errors_text, '\n', current->errors_bytes);
    size_t whole = newline ? (size_t)(newline - current->errors_text) + 1 : 0;
    if (whole == current->errors_bytes || current->errors_bytes > LINE_BYTES) {
        wsgi_errors_flush(current);
    } else if (whole > 0) {
        struct log_about about = wsgi_current_about(current);
        char *lines = current->errors_text;
        size_t rest = current->errors_bytes - whole;
        current->errors_text = NULL;
        current->errors_bytes = 0;
        int result = keep_text(current, lines + whole, rest);
        pass_on_text(&about, current->exchange, lines, whole);
        free(lines);
        return result < 0 ? (PyErr_NoMemory(), -1) : 0;
    }
    return 0;
}

static int write_text(struct wsgi_errors *errors, PyObject *text) {
    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "wsgi.errors takes str, not %.100s", Py_TYPE(text)->tp_name);
        return -1;
    }
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (!bytes) {
        return -1;
    }
    int result = 0;
    struct wsgi_current *current = wsgi_current();
    if (current->exchange) {
        result = write_current(current, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    } else {
        struct log_about about = {errors->config->name, errors->generation, NULL};
        pass_on_text(&about, NULL, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
    }
    Py_DECREF(bytes);
    return result;
}

static PyObject *method_write(PyObject *self, PyObject *text) {
    if (write_text((struct wsgi_errors *)self, text) < 0) {
        return NULL;
    }
    return PyLong_FromSsize_t(PyUnicode_GET_LENGTH(text));
}

static PyObject *method_writelines(PyObject *self, PyObject *lines) {
    PyObject *iterator = PyObject_GetIter(lines), *line;
    if (!iterator) {
        return NULL;
    }
    while ((line = PyIter_Next(iterator))) {
        int result = write_text((struct wsgi_errors *)self, line);
        Py_DECREF(line);
        if (result < 0) {
            break;
        }
    }
    Py_DECREF(iterator);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *method_flush(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    wsgi_errors_flush(wsgi_current());
    Py_RETURN_NONE;
}

PyTypeObject *wsgi_errors_type_new(PyObject *module) {
    static PyMethodDef methods[] = {
        {"write", method_write, METH_O, "write(text) -> number of characters"},
        {"writelines", method_writelines, METH_O, "writelines(iterable of str)"},
        {"flush", method_flush, METH_NOARGS, "Pass on an unfinished line."},
        {NULL, NULL, 0, NULL},
    };
    static PyType_Slot slots[] = {
        {Py_tp_dealloc, errors_dealloc},
        {Py_tp_methods, methods},
        {Py_tp_doc, (char *)"Text for the error logs (wsgi.errors)."},
        {0, NULL},
    };
    static PyType_Spec spec = {
        .name = "fcgi_host.errors",
        .basicsize = sizeof(struct wsgi_errors),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
