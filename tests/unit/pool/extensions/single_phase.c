/* As most old extensions are: single-phase initialisation, one exception class in a C variable. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *s_error;
static int s_initialised;

static PyObject *fail(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    PyErr_SetString(s_error, "as asked");
    return NULL;
}

static PyObject *times_initialised(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    return PyLong_FromLong(s_initialised);
}

static PyMethodDef s_methods[] = {
    {"fail", fail, METH_NOARGS, NULL},
    {"times_initialised", times_initialised, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef s_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "single_phase",
    .m_size = -1,
    .m_methods = s_methods,
};

PyMODINIT_FUNC PyInit_single_phase(void) {
    /* Like markupsafe's: it looks for a class in a Python module of its own. */
    PyObject *companion = PyImport_ImportModule("single_phase_companion");
    if (!companion) {
        return NULL;
    }
    Py_DECREF(companion);
    PyGILState_STATE state = PyGILState_Ensure(); /* waits for ever if bound to another state */
    PyGILState_Release(state);
    PyObject *module = PyModule_Create(&s_module);
    s_initialised++;
    s_error = PyErr_NewException("single_phase.Error", NULL, NULL);
    Py_XINCREF(s_error);
    PyModule_AddObject(module, "Error", s_error);
    return module;
}
