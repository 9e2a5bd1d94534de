/* Keeps the buffer of a bytes object without the object (hazard 3). */
#include "module.h"

static const char *table; /* of settings.TABLE, "which never goes away" */

static PyObject *look_up_(PyObject *module, PyObject *index) {
    (void)module;
    if (!table) {
        PyObject *settings = PyImport_ImportModule("settings");
        PyObject *bytes = settings ? PyObject_GetAttrString(settings, "TABLE") : NULL;
        table = bytes ? PyBytes_AsString(bytes) : NULL;
        Py_XDECREF(bytes);
        Py_XDECREF(settings);
        if (!table) {
            return NULL;
        }
    }
    return PyLong_FromLong((unsigned char)table[PyLong_AsLong(index) & 0xFF]);
}

static PyMethodDef methods[] = {
    {"look_up", look_up_, METH_O, "a byte of settings.TABLE"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(freed_buffer, "A buffer without its object.", 0, methods, slots)
