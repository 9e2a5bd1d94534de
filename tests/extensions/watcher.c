/* A thread for the process calls back by PyGILState_Ensure() whenever it is poked (hazard 1). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

struct watcher {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned asked, answered; /* pokes */
    int is_stopping;
    PyObject *callback, *result;
};

static struct watcher watcher = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
};

static void call_back(struct watcher *watcher) {
    PyGILState_STATE state = PyGILState_Ensure();
    Py_XSETREF(watcher->result, PyObject_CallNoArgs(watcher->callback));
    if (!watcher->result) {
        PyErr_Clear();
    }
    PyGILState_Release(state);
}

static void *thread_main(void *arg) {
    struct watcher *watcher = arg;
    pthread_mutex_lock(&watcher->mutex);
    for (;;) {
        while (watcher->asked == watcher->answered && !watcher->is_stopping) {
            pthread_cond_wait(&watcher->changed, &watcher->mutex);
        }
        if (watcher->is_stopping) {
            break;
        }
        pthread_mutex_unlock(&watcher->mutex);
        call_back(watcher);
        pthread_mutex_lock(&watcher->mutex);
        watcher->answered++;
        pthread_cond_broadcast(&watcher->changed);
    }
    pthread_mutex_unlock(&watcher->mutex);
    return NULL;
}

static void poke(struct watcher *watcher) {
    pthread_mutex_lock(&watcher->mutex);
    unsigned mine = ++watcher->asked;
    pthread_cond_broadcast(&watcher->changed);
    while (watcher->answered != mine) {
        pthread_cond_wait(&watcher->changed, &watcher->mutex);
    }
    pthread_mutex_unlock(&watcher->mutex);
}

static PyObject *watch_(PyObject *module, PyObject *callback) {
    (void)module;
    if (!watcher.callback) {
        watcher.callback = Py_NewRef(callback);
        if (pthread_create(&watcher.thread, NULL, thread_main, &watcher) != 0) {
            return PyErr_NoMemory();
        }
    }
    Py_RETURN_NONE;
}

static PyObject *poke_(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    Py_BEGIN_ALLOW_THREADS poke(&watcher);
    Py_END_ALLOW_THREADS return watcher.result ? Py_NewRef(watcher.result) : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"watch", watch_, METH_O, "call this when poked"},
    {"poke", poke_, METH_NOARGS, "the result of the callback"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "watcher",  .m_doc = "A watching thread.",
    .m_size = 0,           .m_methods = methods, .m_slots = slots,
};

PyMODINIT_FUNC PyInit_watcher(void) {
    return PyModuleDef_Init(&definition);
}
