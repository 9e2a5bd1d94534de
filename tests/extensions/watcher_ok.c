/* Each interpreter has a watcher of its own; it is stopped before the module goes. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

struct watcher {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned asked, answered; /* pokes */
    int is_stopping;
    PyInterpreterState *interpreter;
    PyObject *callback, *result;
};

static void call_back(struct watcher *watcher) {
    PyThreadState *state = PyThreadState_New(watcher->interpreter);
    PyEval_AcquireThread(state);
    Py_XSETREF(watcher->result, PyObject_CallNoArgs(watcher->callback));
    if (!watcher->result) {
        PyErr_Clear();
    }
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
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

static int load(PyObject *module) {
    struct watcher *watcher = PyModule_GetState(module);
    pthread_mutex_init(&watcher->mutex, NULL);
    pthread_cond_init(&watcher->changed, NULL);
    watcher->interpreter = PyInterpreterState_Get();
    return 0;
}

static PyObject *watch_(PyObject *module, PyObject *callback) {
    struct watcher *watcher = PyModule_GetState(module);
    if (!watcher->callback) {
        if (pthread_create(&watcher->thread, NULL, thread_main, watcher) != 0) {
            return PyErr_NoMemory();
        }
        watcher->callback = Py_NewRef(callback);
    }
    Py_RETURN_NONE;
}

static PyObject *poke_(PyObject *module, PyObject *unused) {
    struct watcher *watcher = PyModule_GetState(module);
    (void)unused;
    Py_BEGIN_ALLOW_THREADS poke(watcher);
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
        Py_BEGIN_ALLOW_THREADS pthread_mutex_lock(&watcher->mutex);
        watcher->is_stopping = 1;
        pthread_cond_broadcast(&watcher->changed);
        pthread_mutex_unlock(&watcher->mutex);
        pthread_join(watcher->thread, NULL);
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

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,         .m_name = "watcher_ok",
    .m_doc = "A watching thread.", .m_size = sizeof(struct watcher),
    .m_methods = methods,          .m_slots = slots,
    .m_traverse = traverse,        .m_clear = clear,
    .m_free = free_state,
};

PyMODINIT_FUNC PyInit_watcher_ok(void) {
    return PyModuleDef_Init(&definition);
}
