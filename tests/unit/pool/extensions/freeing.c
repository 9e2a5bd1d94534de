/* A module that gives back what is the process's when it ends, as many do. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static long s_ended;

static void end(void *module) {
    (void)module;
    s_ended++;
}

/** How often a module of this file has ended. */
static PyObject *times_ended(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    return PyLong_FromLong(s_ended);
}

static PyMethodDef s_methods[] = {
    {"times_ended", times_ended, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot s_slots[] = {{0, NULL}};

static struct PyModuleDef s_module = {
    PyModuleDef_HEAD_INIT, .m_name = "freeing", .m_methods = s_methods,
    .m_slots = s_slots,    .m_free = end,
};

PyMODINIT_FUNC PyInit_freeing(void) {
    return PyModuleDef_Init(&s_module);
}
