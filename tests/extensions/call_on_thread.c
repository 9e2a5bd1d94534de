/* Calls back on a thread of its own through PyGILState_Ensure(): into main (hazard 1). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

struct call {
    PyObject *function, *result;
};

static void *thread_main(void *arg) {
    struct call *call = arg;
    PyGILState_STATE state = PyGILState_Ensure();
    call->result = PyObject_CallNoArgs(call->function);
    if (!call->result) {
        PyErr_Clear();
    }
    PyGILState_Release(state);
    return NULL;
}

static PyObject *run_(PyObject *module, PyObject *function) {
    struct call call = {.function = function};
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
    PyModuleDef_HEAD_INIT, .m_name = "call_on_thread", .m_doc = "A call on a thread.",
    .m_size = 0,           .m_methods = methods,       .m_slots = slots,
};

PyMODINIT_FUNC PyInit_call_on_thread(void) {
    return PyModuleDef_Init(&definition);
}
