/*
 * A module's function is_template(value), with the class kept from one call to the next in a place
 * of the module's choice: class_place().  The place holds NULL until it is filled, and need not be
 * aligned.
 */
#ifndef KEPT_CLASS_H
#define KEPT_CLASS_H

#include "template_class.h"

#include <stddef.h>
#include <string.h>

/* NULL: out of memory. */
static void *class_place(PyObject *module);

static PyObject *is_template_(PyObject *module, PyObject *value) {
    PyObject *class;
    void *place = class_place(module);
    if (!place) {
        return PyErr_NoMemory();
    }
    memcpy(&class, place, sizeof class);
    if (!class && !(class = look_up_class())) {
        return NULL;
    }
    memcpy(place, &class, sizeof class);
    int result = PyObject_IsInstance(value, class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

#endif
