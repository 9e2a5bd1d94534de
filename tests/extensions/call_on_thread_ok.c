/* The thread gets a thread state of the interpreter that it works for. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

struct call {
    PyInterpreterState *interpreter; /* whose function it is */
    PyObject *function, *result;
};

static void *thread_main(void *arg) {
    struct call *call = arg;
    PyThreadState *state = PyThreadState_New(call->interpreter);
    PyEval_AcquireThread(state);
    call->result = PyObject_CallNoArgs(call->function);
    if (!call->result) {
        PyErr_Clear();
    }
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
    return NULL;
}

static PyObject *run_(PyObject *module, PyObject *function) {
    struct call call = {.interpreter = PyInterpreterState_Get(), .function = function};
    pthread_t thread;
    int failed;
    (void)module;
    Py_BEGIN_ALLOW_THREADS failed = pthread_create(&thread, NULL, thread_main, &call);
    if (!failed) {
        pthread_join(thread, NULL);
    }
    Py_END_ALLOW_THREADS return call.result ? call.result : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"run", run_, METH_O, "call a function on a thread"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "call_on_thread_ok", .m_doc = "A call on a thread.",
    .m_size = 0,           .m_methods = methods,          .m_slots = slots,
};

PyMODINIT_FUNC PyInit_call_on_thread_ok(void) {
    return PyModuleDef_Init(&definition);
}
