/* A worker thread keeps a class under a key of its own, from one job to the next (hazard 2). */
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
    (void)class; /* it is for the next job */
}

MODULE(thread_key, "A class under a thread's key.", 0, methods, slots)
