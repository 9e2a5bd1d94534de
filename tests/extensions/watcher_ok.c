/* Each interpreter has a watcher of its own; it is stopped before the module goes. */
#include "module.h"
#include "poked_thread.h"

struct watcher {
    struct poked_thread thread;
    PyInterpreterState *interpreter;
    PyObject *callback, *result;
};

static void call_back(void *arg) {
    struct watcher *watcher = arg;
    PyThreadState *state = PyThreadState_New(watcher->interpreter);
    PyEval_AcquireThread(state);
    Py_XSETREF(watcher->result, PyObject_CallNoArgs(watcher->callback));
    if (!watcher->result) {
        PyErr_Clear();
    }
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

static PyObject *watch_(PyObject *module, PyObject *callback) {
    struct watcher *watcher = PyModule_GetState(module);
    if (!watcher->callback) {
        watcher->interpreter = PyInterpreterState_Get();
        if (poked_thread_start(&watcher->thread, call_back, watcher) != 0) {
            return PyErr_NoMemory();
        }
        watcher->callback = Py_NewRef(callback);
    }
    Py_RETURN_NONE;
}

static PyObject *poke_(PyObject *module, PyObject *unused) {
    struct watcher *watcher = PyModule_GetState(module);
    (void)unused;
    Py_BEGIN_ALLOW_THREADS poked_thread_poke(&watcher->thread);
    Py_END_ALLOW_THREADS return watcher->result ? Py_NewRef(watcher->result) : Py_NewRef(Py_None);
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct watcher *watcher = PyModule_GetState(module);
    Py_VISIT(watcher->callback);
    Py_VISIT(watcher->result);
    return 0;
}

/* Stop the thread first: it uses both objects. */
static int clear(PyObject *module) {
    struct watcher *watcher = PyModule_GetState(module);
    if (watcher->callback) {
        Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&watcher->thread.mutex);
        watcher->thread.is_stopping = 1;
        pthread_cond_broadcast(&watcher->thread.changed);
        pthread_mutex_unlock(&watcher->thread.mutex);
        pthread_join(watcher->thread.thread, NULL);
        Py_END_ALLOW_THREADS
    }
    Py_CLEAR(watcher->callback);
    Py_CLEAR(watcher->result);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyMethodDef methods[] = {
    {"watch", watch_, METH_O, "call this when poked"},
    {"poke", poke_, METH_NOARGS, "the result of the callback"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(watcher_ok, "A watching thread.", sizeof(struct watcher), methods, slots, traverse, clear,
       free_state)
