/* Keeps the characters of a str without the str (hazard 3). */
#include "module.h"

static const char *greeting; /* of settings.GREETING, "a constant" */

static PyObject *greet_(PyObject *module, PyObject *name) {
    (void)module;
    if (!greeting) {
        PyObject *settings = PyImport_ImportModule("settings");
        PyObject *text = settings ? PyObject_GetAttrString(settings, "GREETING") : NULL;
        greeting = text ? PyUnicode_AsUTF8(text) : NULL;
        Py_XDECREF(text);
        Py_XDECREF(settings);
        if (!greeting) {
            return NULL;
        }
    }
    return PyUnicode_FromFormat("%s, %U", greeting, name);
}

static PyMethodDef methods[] = {
    {"greet", greet_, METH_O, "settings.GREETING and a name"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_text, "Characters without their str.", 0, methods, slots)
