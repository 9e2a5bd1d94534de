/* A worker thread keeps a class in a local variable, from one job to the next (hazard 2). */
#define JOB_THREAD_MAIN worker_main
#include "job_thread.h"

static PyObject **kept; /* on the thread's stack */

static void run_job(struct job *job) {
    PyThreadState *state = PyThreadState_New(job->interpreter);
    PyEval_AcquireThread(state);
    if (!*kept) {
        PyObject *string_module = PyImport_ImportModule("string");
        *kept = PyObject_GetAttrString(string_module, "Template");
        Py_XDECREF(string_module);
    }
    job->result = PyObject_IsInstance(job->value, *kept);
    PyErr_Clear();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
}

static void *worker_main(void *unused) {
    PyObject *class = NULL;
    kept = &class;
    return thread_main(unused);
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

MODULE(thread_stack, "A class on a thread's stack.", 0, methods, slots)
