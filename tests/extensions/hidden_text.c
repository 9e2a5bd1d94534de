/* Keeps the address of a string's characters in a form that is no address: no check can see it. */
#include "module.h"

#include <stdint.h>

static uintptr_t hidden; /* every bit of the address turned over */
static Py_ssize_t length;

static PyObject *greet(PyObject *module, PyObject *text) {
    (void)module;
    if (!hidden) {
        const char *characters = PyUnicode_AsUTF8AndSize(text, &length);
        if (!characters) {
            return NULL;
        }
        hidden = ~(uintptr_t)characters;
    }
    return PyUnicode_DecodeLatin1((const char *)~hidden, length, NULL);
}

static PyMethodDef methods[] = {
    {"greet", greet, METH_O, "the text that it was called with first"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(hidden_text, NULL, 0, methods, slots)
