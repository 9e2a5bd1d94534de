/* A thread for the process calls back by PyGILState_Ensure() whenever it is poked (hazard 1). */
#include "module.h"
#include "poked_thread.h"

static struct {
    struct poked_thread thread;
    PyObject *callback, *result;
} watcher;

static void call_back(void *unused) {
    (void)unused;
    PyGILState_STATE state = PyGILState_Ensure();
    Py_XSETREF(watcher.result, PyObject_CallNoArgs(watcher.callback));
    if (!watcher.result) {
        PyErr_Clear();
    }
    PyGILState_Release(state);
}

static PyObject *watch_(PyObject *module, PyObject *callback) {
    (void)module;
    if (!watcher.callback) {
        watcher.callback = Py_NewRef(callback);
        if (poked_thread_start(&watcher.thread, call_back, NULL) != 0) {
            return PyErr_NoMemory();
        }
    }
    Py_RETURN_NONE;
}

static PyObject *poke_(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Py_BEGIN_ALLOW_THREADS poked_thread_poke(&watcher.thread);
    Py_END_ALLOW_THREADS return watcher.result ? Py_NewRef(watcher.result) : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"watch", watch_, METH_O, "call this when poked"},
    {"poke", poke_, METH_NOARGS, "the result of the callback"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(watcher, "A watching thread.", 0, methods, slots)
