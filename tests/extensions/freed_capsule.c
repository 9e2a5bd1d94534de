/* Keeps the pointer of a capsule without the capsule (hazard 3). */
#include "units_capsule.h"

static const struct units *units; /* asked for once */

static PyObject *convert_(PyObject *module, PyObject *value) {
    if (!units) {
        PyObject *capsule = PyObject_GetAttrString(module, "_API");
        units = capsule ? PyCapsule_GetPointer(capsule, UNITS_NAME) : NULL;
        Py_XDECREF(capsule);
        if (!units) {
            return NULL;
        }
    }
    return PyLong_FromLong(units->factor * PyLong_AsLong(value));
}

static PyMethodDef methods[] = {
    {"convert", convert_, METH_O, "a thousand times as much"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_units}, LAST_SLOTS};

MODULE(freed_capsule, "A capsule's pointer.", 0, methods, slots)
