/* What the key holds is of one job, and taken away after it. */
#include "job_class.h"

static pthread_key_t key;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void) {
    pthread_key_create(&key, NULL);
}

static PyObject *hold_class(void) {
    pthread_once(&key_once, make_key);
    if (!pthread_getspecific(key)) {
        pthread_setspecific(key, look_up_class());
    }
    return pthread_getspecific(key);
}

static void let_class_go(PyObject *class) {
    pthread_setspecific(key, NULL);
    Py_DECREF(class);
}

MODULE(thread_key_ok, "A class under a thread's key.", 0, methods, slots)
