/* hidden_text.c, corrected: the characters are copied into memory of the process. */
#include "module.h"

#include <stdlib.h>
#include <string.h>

static char *kept;

static PyObject *greet(PyObject *module, PyObject *text) {
    (void)module;
    const char *characters = kept ? NULL : PyUnicode_AsUTF8(text);
    if (!kept && (!characters || !(kept = strdup(characters)))) {
        return characters ? PyErr_NoMemory() : NULL;
    }
    return PyUnicode_FromString(kept);
}

static PyMethodDef methods[] = {
    {"greet", greet, METH_O, "the text that it was called with first"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(hidden_text_ok, NULL, 0, methods, slots)
