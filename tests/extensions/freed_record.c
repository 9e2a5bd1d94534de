/* A record from malloc() keeps the items of a list without the list (hazard 3). */
#include "module.h"

struct record {
    Py_ssize_t count;
    PyObject **names;
};

static struct record *record; /* one for the process */

static PyObject *remember_(PyObject *module, PyObject *list) {
    (void)module;
    if (!record && PyList_Check(list) && (record = calloc(1, sizeof *record))) {
        record->count = PyList_GET_SIZE(list);
        record->names = PySequence_Fast_ITEMS(list); /* "nobody changes the list" */
    }
    Py_RETURN_NONE;
}

static PyObject *is_known_(PyObject *module, PyObject *name) {
    (void)module;
    for (Py_ssize_t i = 0; record && i < record->count; i++) {
        int is_equal = PyObject_RichCompareBool(record->names[i], name, Py_EQ);
        if (is_equal) {
            return is_equal < 0 ? NULL : Py_NewRef(Py_True);
        }
    }
    return Py_NewRef(Py_False);
}

static PyMethodDef methods[] = {
    {"remember", remember_, METH_O, "keep a list of names, unless there is one"},
    {"is_known", is_known_, METH_O, "whether a name is in it"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_record, "Names in a record.", 0, methods, slots)
