/* Crashes when a second interpreter uses it: takes the address it kept for that of its own table.
 */
#include "module.h"

static PyInterpreterState *first_user;

static PyObject *use(PyObject *module, PyObject *none) {
    (void)module, (void)none;
    if (!first_user) {
        first_user = PyInterpreterState_Get();
    }
    if (first_user != PyInterpreterState_Get()) {
        volatile int *wrong = NULL;
        *wrong = 1; /* what the wrong address would come to, every time */
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"use", use, METH_NOARGS, "once per process"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(crashes_in_use, NULL, 0, methods, slots)
