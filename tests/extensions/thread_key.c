/* A worker thread keeps a class under a key of its own, from one job to the next (hazard 2). */
#include "job_thread.h"

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void) {
    pthread_key_create(&key, NULL);
}

static void run_job(struct job *job) {
    PyThreadState *state = PyThreadState_New(job->interpreter);
    PyEval_AcquireThread(state);
    pthread_once(&key_once, make_key);
    if (!pthread_getspecific(key)) {
        PyObject *string_module = PyImport_ImportModule("string");
        pthread_setspecific(key, PyObject_GetAttrString(string_module, "Template"));
        Py_XDECREF(string_module);
    }
    job->result = PyObject_IsInstance(job->value, pthread_getspecific(key));
    PyErr_Clear();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

static PyObject *is_template_(PyObject *module, PyObject *value) {
    struct job job = {PyInterpreterState_Get(), value, -1};
    (void)module;
    do_job(&job);
    return PyBool_FromLong(job.result == 1);
}

static PyMethodDef methods[] = {
    {"is_template", is_template_, METH_O, "whether a value is a string.Template"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(thread_key, "A class under a thread's key.", 0, methods, slots)
