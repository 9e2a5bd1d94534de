/* Keeps where the thread that asked first has its handled exceptions: a pointer into the state of
 * that thread, which ends with its interpreter (hazard 3).  Greenlets keep such pointers, too. */
#include "module.h"

static _PyErr_StackItem *handled;

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    handled = handled ? handled : &PyThreadState_Get()->exc_state;
    PyObject *before = handled->exc_value;
    handled->exc_value = value; /* another interpreter's memory, or nobody's any more */
    int result = PyThreadState_Get()->exc_state.exc_value == value;
    handled->exc_value = before;
    return PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether this thread's exceptions were reached"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(kept_exceptions, "A pointer into a thread's state.", 0, methods, slots)
