/* What C code may leave of itself in an interpreter, which then should end. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>

static void *attach_once(void *interpreter) {
    PyThreadState *tstate = PyThreadState_New(interpreter);
    PyEval_AcquireThread(tstate);
    PyEval_SaveThread();
    return NULL;
}

/** A thread that is gone when this returns, and has left its state behind. */
static PyObject *leave_state(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, attach_once, PyInterpreterState_Get());
    Py_BEGIN_ALLOW_THREADS;
    if (!failure) {
        pthread_join(thread, NULL);
    }
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(!failure);
}

#if PY_VERSION_HEX >= 0x030F0000
static PyInterpreterGuard *s_guard;

static PyObject *hold(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    s_guard = PyInterpreterGuard_FromCurrent();
    return s_guard ? Py_NewRef(Py_True) : NULL;
}

static PyObject *let_go(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    PyInterpreterGuard_Close(s_guard);
    Py_RETURN_TRUE;
}
#endif

static PyMethodDef s_methods[] = {
    {"leave_state", leave_state, METH_NOARGS, NULL},
#if PY_VERSION_HEX >= 0x030F0000
    {"hold", hold, METH_NOARGS, NULL},
    {"let_go", let_go, METH_NOARGS, NULL},
#endif
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
    .m_name = "keeps",
    .m_methods = s_methods,
    .m_slots = s_slots,
};

PyMODINIT_FUNC PyInit_keeps(void) {
    return PyModuleDef_Init(&s_module);
}
