#include "pool/python/py_compat.h"

#include <pthread.h>
#include <signal.h>

#include "fcgi_host/app/faulthandler.h"
#include "pool/python/py_error.h"

/** A call of faulthandler's enable(), made on a new thread: the calling thread may be the first of
 *  Python's, whose thread state must not be taken. */
struct call {
    int fd;
    int result;
    struct error *err;
};

static void *run_call(void *arg) {
    struct call *call = arg;
    PyThreadState *state = PyThreadState_New(PyInterpreterState_Main());
    if (!state) {
        call->result = error_set(call->err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    PyEval_AcquireThread(state);
    stack_t
        before; /* enable() gives its thread a stack for signals, which must go with the thread */
    sigaltstack(NULL, &before);
    PyObject *module = PyImport_ImportModule("faulthandler");
    PyObject *result = module ? PyObject_CallMethod(module, "enable", PY_FAULTHANDLER_ENABLE_FORMAT,
                                                    call->fd, 0, 0)
                              : NULL;
    if (!result) {
        call->result = py_error_take(call->err);
    }
    Py_XDECREF(result);
    Py_XDECREF(module);
    sigaltstack(&before, NULL);
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
    return NULL;
}

int faulthandler_enable(int fd, struct error *err) {
    struct call call = {.fd = fd, .err = err};
    pthread_t thread;
    int problem = pthread_create(&thread, NULL, run_call, &call);
    if (problem) {
        return error_set_errno(err, problem, "pthread_create");
    }
    pthread_join(thread, NULL);
    return call.result;
}
