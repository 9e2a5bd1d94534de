/*
 * A module's function is_template(value), answered by a worker thread (job_thread.h) with a class
 * that the module has for each job: hold_class() and let_class_go().
 */
#ifndef JOB_CLASS_H
#define JOB_CLASS_H

#include "job_thread.h"
#include "template_class.h"

/* NULL with an exception. */
static PyObject *hold_class(void);
/* The job is done. */
static void let_class_go(PyObject *class);

static void run_job(struct job *job) {
    PyThreadState *state = PyThreadState_New(job->interpreter);
    PyEval_AcquireThread(state);
    PyObject *class = hold_class();
    if (class) {
        job->result = PyObject_IsInstance(job->value, class);
        let_class_go(class);
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

#endif
