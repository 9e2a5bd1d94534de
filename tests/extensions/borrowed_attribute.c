/* Gives its reference back too early and keeps the pointer (hazard 3). */
#include "module.h"

static PyObject *format_value; /* "the module keeps it alive" */

static PyObject *format_(PyObject *module, PyObject *value) {
    (void)module;
    if (!format_value) {
        PyObject *settings = PyImport_ImportModule("settings");
        format_value = settings ? PyObject_GetAttrString(settings, "format_value") : NULL;
        Py_XDECREF(settings);
        if (!format_value) {
            return NULL;
        }
        Py_DECREF(format_value);
    }
    return PyObject_CallOneArg(format_value, value);
}

static PyMethodDef methods[] = {
    {"format", format_, METH_O, "settings.format_value(value)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(borrowed_attribute, "A function, kept without a reference.", 0, methods, slots)
