/* The state is that of the thread that asks. */
#include "module.h"

static PyObject *is_template_(PyObject *module, PyObject *value) {
    (void)module;
    _PyErr_StackItem *handled = &PyThreadState_Get()->exc_state;
    PyObject *before = handled->exc_value;
    handled->exc_value = value;
    int result = PyThreadState_Get()->exc_state.exc_value == value;
    handled->exc_value = before;
    return PyBool_FromLong(result);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether this thread's exceptions were reached"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(kept_exceptions_ok, "A pointer into a thread's state.", 0, methods, slots)
