/* A worker thread keeps a class in a local variable, from one job to the next (hazard 2). */
#define JOB_THREAD_MAIN worker_main
#include "job_class.h"

static PyObject **kept; /* on the thread's stack */

static PyObject *hold_class(void) {
    *kept = *kept ? *kept : look_up_class();
    return *kept;
}

static void let_class_go(PyObject *class) {
    (void)class; /* it is for the next job */
}

static void *worker_main(void *unused) {
    PyObject *class = NULL;
    kept = &class;
    return thread_main(unused);
}

MODULE(thread_stack, "A class on a thread's stack.", 0, methods, slots)
