/* Caches an attribute of an application's module: new code, old settings (hazard 2). */
#include "module.h"

static PyObject *values; /* the dict settings.VALUES of the interpreter that asked first */

static PyObject *get_(PyObject *module, PyObject *name) {
    (void)module;
    if (!values) {
        PyObject *settings = PyImport_ImportModule("settings");
        values = settings ? PyObject_GetAttrString(settings, "VALUES") : NULL;
        Py_XDECREF(settings);
        if (!values) {
            return NULL;
        }
    }
    return PyObject_GetItem(values, name);
}

static PyMethodDef methods[] = {
    {"get", get_, METH_O, "a value of settings.VALUES"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(cached_settings, "An attribute, read once.", 0, methods, slots)
