/* The capsule is asked each time. */
#include "units_capsule.h"

static PyObject *convert_(PyObject *module, PyObject *value) {
    PyObject *capsule = PyObject_GetAttrString(module, "_API");
    const struct units *units = capsule ? PyCapsule_GetPointer(capsule, UNITS_NAME) : NULL;
    PyObject *converted = units ? PyLong_FromLong(units->factor * PyLong_AsLong(value)) : NULL;
    Py_XDECREF(capsule);
    return converted;
}

static PyMethodDef methods[] = {
    {"convert", convert_, METH_O, "a thousand times as much"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_units}, LAST_SLOTS};

MODULE(freed_capsule_ok, "A capsule.", 0, methods, slots)
