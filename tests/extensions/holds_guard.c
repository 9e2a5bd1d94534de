/* PEP 788 (3.15): keeps each interpreter that calls hold() from ending. */
#include "module.h"

static PyObject *hold(PyObject *module, PyObject *args) {
    (void)module, (void)args;
    return PyBool_FromLong(PyInterpreterGuard_FromCurrent() != NULL);
}

static PyMethodDef methods[] = {
    {"hold", hold, METH_NOARGS, "take a guard and never close it"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(holds_guard, "A guard that is never closed.", 0, methods, slots)
