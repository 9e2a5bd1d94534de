/* A worker thread keeps a class in a thread-local variable, from one job to the next (hazard 2). */
#include "job_class.h"

static _Thread_local PyObject *template_class; /* of the first job's interpreter */

static PyObject *hold_class(void) {
    template_class = template_class ? template_class : look_up_class();
    return template_class;
}

static void let_class_go(PyObject *class) {
    (void)class; /* it is for the next job */
}

MODULE(worker_local, "A class in a thread-local variable.", 0, methods, slots)
