/* Calls back on a thread of its own through PyGILState_Ensure(): into main (hazard 1). */
#include "module.h"

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

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(call_on_thread, "A call on a thread.", 0, methods, slots)
