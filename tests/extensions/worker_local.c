/* A worker thread keeps a class in a thread-local variable, from one job to the next (hazard 2). */
#include "job_thread.h"

static _Thread_local PyObject *template_class; /* of the first job's interpreter */

static void run_job(struct job *job) {
    PyThreadState *state = PyThreadState_New(job->interpreter);
    PyEval_AcquireThread(state);
    if (!template_class) {
        PyObject *string_module = PyImport_ImportModule("string");
        template_class = string_module ? PyObject_GetAttrString(string_module, "Template") : NULL;
        Py_XDECREF(string_module);
    }
    if (template_class) {
        job->result = PyObject_IsInstance(job->value, template_class);
    }
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

MODULE(worker_local, "A class in a thread-local variable.", 0, methods, slots)
