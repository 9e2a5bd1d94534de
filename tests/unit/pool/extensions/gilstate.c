/* In which interpreter does code run that takes the GIL by PyGILState_Ensure()? */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static long long here(void) {
    return (long long)PyInterpreterState_GetID(PyInterpreterState_Get());
}

static PyObject *interpreter(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    return PyLong_FromLongLong(here());
}

static PyObject *nested(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    PyGILState_STATE state = PyGILState_Ensure();
    long long id = here();
    PyGILState_Release(state);
    return PyLong_FromLongLong(id);
}

static PyObject *released(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    long long id;
    Py_BEGIN_ALLOW_THREADS;
    PyGILState_STATE state = PyGILState_Ensure();
    id = here();
    PyGILState_Release(state);
    Py_END_ALLOW_THREADS;
    return PyLong_FromLongLong(id);
}

static PyMethodDef s_methods[] = {
    {"interpreter", interpreter, METH_NOARGS, NULL},
    {"nested", nested, METH_NOARGS, NULL},
    {"released", released, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot s_slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef s_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gilstate",
    .m_methods = s_methods,
    .m_slots = s_slots,
};

PyMODINIT_FUNC PyInit_gilstate(void) {
    return PyModuleDef_Init(&s_module);
}
