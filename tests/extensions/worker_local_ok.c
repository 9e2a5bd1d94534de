/* What a job needs is fetched, or handed over, for that job. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

struct job {
    PyInterpreterState *interpreter;
    PyObject *value;
    int result; /* of PyObject_IsInstance() */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct job *waiting; /* taken by the worker, one at a time */
static struct job *finished;

static void run_job(struct job *job) {
    PyThreadState *state = PyThreadState_New(job->interpreter);
    PyEval_AcquireThread(state);
    PyObject *string_module = PyImport_ImportModule("string");
    PyObject *class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
    if (class) {
        job->result = PyObject_IsInstance(job->value, class);
    }
    Py_XDECREF(class);
    Py_XDECREF(string_module);
    PyErr_Clear();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

/* One worker serves all interpreters, for as long as the process lives. */
static void *worker_main(void *unused) {
    (void)unused;
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (!waiting) {
            pthread_cond_wait(&changed, &mutex);
        }
        struct job *job = waiting;
        waiting = NULL;
        pthread_mutex_unlock(&mutex);
        run_job(job);
        pthread_mutex_lock(&mutex);
        finished = job;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

static void start_worker(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, worker_main, NULL);
}

static PyObject *is_template_(PyObject *module, PyObject *value) {
    struct job job = {PyInterpreterState_Get(), value, -1};
    (void)module;
    Py_BEGIN_ALLOW_THREADS pthread_once(&once, start_worker);
    pthread_mutex_lock(&mutex);
    while (waiting) {
        pthread_cond_wait(&changed, &mutex);
    }
    waiting = &job;
    pthread_cond_broadcast(&changed);
    while (finished != &job) {
        pthread_cond_wait(&changed, &mutex);
    }
    finished = NULL;
    pthread_mutex_unlock(&mutex);
    Py_END_ALLOW_THREADS return PyBool_FromLong(job.result == 1);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "worker_local_ok", .m_doc = "A class, looked up for each job.",
    .m_size = 0,           .m_methods = methods,        .m_slots = slots,
};

PyMODINIT_FUNC PyInit_worker_local_ok(void) {
    return PyModuleDef_Init(&definition);
}
