/* The local variable is of one job. */
#include "job_class.h"

static PyObject *hold_class(void) {
    return look_up_class();
}

static void let_class_go(PyObject *class) {
    Py_DECREF(class);
}

MODULE(thread_stack_ok, "A class on a thread's stack.", 0, methods, slots)
