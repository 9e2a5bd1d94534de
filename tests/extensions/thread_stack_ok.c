/* The local variable is of one job. */
#include "job_thread.h"

static void run_job(struct job *job) {
    PyThreadState *state = PyThreadState_New(job->interpreter);
    PyEval_AcquireThread(state);
    PyObject *string_module = PyImport_ImportModule("string");
    PyObject *class = PyObject_GetAttrString(string_module, "Template");
    job->result = PyObject_IsInstance(job->value, class);
    Py_XDECREF(class);
    Py_XDECREF(string_module);
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

MODULE(thread_stack_ok, "A class on a thread's stack.", 0, methods, slots)
