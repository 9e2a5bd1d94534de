/* Keeps a class of the interpreter that asked first: others' instances are none (hazard 2). */
#include "module.h"

static PyObject *template_class; /* looked up once, kept by the process */

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    if (!template_class) {
        PyObject *string_module = PyImport_ImportModule("string");
        template_class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
        Py_XDECREF(string_module);
        if (!template_class) {
            return NULL;
        }
    }
    int result = PyObject_IsInstance(value, template_class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(lazy_class, "A class, looked up once.", 0, methods, slots)
