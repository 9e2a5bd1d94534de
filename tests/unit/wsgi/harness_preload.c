#include "tests/unit/wsgi/harness_preload.h"

#include <stdlib.h>

#include "fcgi_host/wsgi/wsgi.h"

PyObject *harness_raise(const struct error *err) {
    if (!PyErr_Occurred() && err->code == ERR_COLD) {
        PyErr_Format(PyExc_RuntimeError, "cold: %s", err->text);
    }
    if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_RuntimeError, err->text);
    }
    return NULL;
}

/* loaded(): all applications have been loaded. */
static PyObject *end_loading(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct error err;
    if (wsgi_loaded(&err) < 0) {
        return harness_raise(&err);
    }
    Py_RETURN_NONE;
}

/* describe() -> the list of the libraries that have been imported, as bytes */
static PyObject *describe(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct error err;
    struct wsgi_modules list;
    if (wsgi_preload_describe(&list, &err) < 0) {
        return harness_raise(&err);
    }
    PyObject *bytes = PyBytes_FromStringAndSize(list.bytes, (Py_ssize_t)list.size);
    free(list.bytes);
    return bytes;
}

/* prepare(list, memory) -> (whether it may serve, modules, what is left out, memory) */
static PyObject *prepare(PyObject *module, PyObject *args) {
    (void)module;
    struct error err;
    struct wsgi_preload_order order = {0};
    struct wsgi_preload_report report;
    Py_ssize_t list_size, memory_size;
    if (!PyArg_ParseTuple(args, "y#y#", &order.list.bytes, &list_size, &order.memory.bytes,
                          &memory_size)) {
        return NULL;
    }
    order.list.size = (size_t)list_size;
    order.memory.size = (size_t)memory_size;
    if (wsgi_preload_prepare(&order, &report, &err) < 0) {
        free(report.memory.bytes);
        return harness_raise(&err);
    }
    PyObject *result =
        Py_BuildValue("OIsy#", report.may_serve ? Py_True : Py_False, report.modules, report.why,
                      report.memory.bytes, (Py_ssize_t)report.memory.size);
    free(report.memory.bytes);
    return result;
}

/* went_cold() -> (what is to be left out, memory) */
static PyObject *went_cold(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    struct error err;
    struct wsgi_modules memory;
    char why[1024];
    if (wsgi_preload_cold(&memory, why, sizeof why, &err) < 0) {
        return harness_raise(&err);
    }
    PyObject *result = Py_BuildValue("sy#", why, memory.bytes, (Py_ssize_t)memory.size);
    free(memory.bytes);
    return result;
}

PyObject *harness_preload_init(void) {
    static PyMethodDef methods[] = {
        {"loaded", end_loading, METH_NOARGS, NULL},
        {"describe", describe, METH_NOARGS, NULL},
        {"prepare", prepare, METH_VARARGS, NULL},
        {"went_cold", went_cold, METH_NOARGS, NULL},
        {NULL, NULL, 0, NULL},
    };
    static PyModuleDef def = {
        PyModuleDef_HEAD_INIT,
        .m_name = "_harness_preload",
        .m_methods = methods,
    };
    return PyModuleDef_Init(&def);
}
