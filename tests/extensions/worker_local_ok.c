/* What a job needs is fetched, or handed over, for that job. */
#include "job_class.h"

static PyObject *hold_class(void) {
    return look_up_class();
}

static void let_class_go(PyObject *class) {
    Py_DECREF(class);
}

MODULE(worker_local_ok, "A class, looked up for each job.", 0, methods, slots)
