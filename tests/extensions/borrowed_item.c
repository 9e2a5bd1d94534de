/* Keeps a borrowed reference to a dictionary's item (hazard 3). */
#include "module.h"

static PyObject *limits; /* borrowed from the module's dictionary, "which never goes away" */

static PyObject *limit_(PyObject *module, PyObject *name) {
    (void)module;
    if (!limits) {
        PyObject *settings = PyImport_ImportModule("settings");
        if (!settings) {
            return NULL;
        }
        limits = PyDict_GetItemString(PyModule_GetDict(settings), "LIMITS");
        Py_DECREF(settings);
        if (!limits) {
            return Py_NewRef(Py_None);
        }
    }
    return PyObject_GetItem(limits, name);
}

static PyMethodDef methods[] = {
    {"limit", limit_, METH_O, "an entry of settings.LIMITS"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(borrowed_item, "A borrowed item.", 0, methods, slots)
