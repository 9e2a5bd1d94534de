/* A record from malloc() holds the callback of the interpreter that came first (hazard 2). */
#include "module.h"

struct record {
    int uses;
    PyObject *callback;
};

static struct record *record; /* one for the process */

static PyObject *register_(PyObject *module, PyObject *callback) {
    (void)module;
    if (!record && (record = calloc(1, sizeof *record))) {
        record->callback = Py_NewRef(callback);
    }
    Py_RETURN_NONE;
}

static PyObject *call_(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    if (!record) {
        Py_RETURN_NONE;
    }
    record->uses++;
    return PyObject_CallNoArgs(record->callback);
}

static PyMethodDef methods[] = {
    {"register", register_, METH_O, "keep a callback, unless there is one"},
    {"call", call_, METH_NOARGS, "call it"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(heap_record, "A callback in a record.", 0, methods, slots)
