/*
 * A module's function is_template(value): whether a value is a string.Template.  Modules differ in
 * where they keep the class.
 */
#ifndef TEMPLATE_CLASS_H
#define TEMPLATE_CLASS_H

#include "module.h"

static PyObject *is_template_(PyObject *module, PyObject *value);

/* A new reference, or NULL with an exception. */
static PyObject *look_up_class(void) {
    PyObject *string_module = PyImport_ImportModule("string");
    PyObject *class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
    Py_XDECREF(string_module);
    return class;
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

#endif
