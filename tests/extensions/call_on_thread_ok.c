/* The thread gets a thread state of the interpreter that it works for. */
#include "module.h"

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

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(call_on_thread_ok, "A call on a thread.", 0, methods, slots)
