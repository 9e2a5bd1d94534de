/*
 * A module's function is_template(value), with the class kept in the dictionary of an interpreter
 * of the module's choice: class_owner().
 */
#ifndef INTERPRETER_CLASS_H
#define INTERPRETER_CLASS_H

#include "template_class.h"

static PyInterpreterState *class_owner(void);

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    PyObject *kept = PyInterpreterState_GetDict(class_owner());
    PyObject *class = kept ? PyDict_GetItemString(kept, "string.Template") : NULL;
    if (!class) {
        class = look_up_class();
        if (!class || PyDict_SetItemString(kept, "string.Template", class) != 0) {
            return NULL;
        }
        Py_DECREF(class);
    }
    int result = PyObject_IsInstance(value, class);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

#endif
