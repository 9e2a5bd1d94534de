/* A record from malloc() holds a callback of whoever registered first (hazard 2). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "heap_record", .m_doc = "A callback in a record.",
    .m_size = 0,           .m_methods = methods,    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_heap_record(void) {
    return PyModuleDef_Init(&definition);
}
