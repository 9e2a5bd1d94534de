/* One thread for the process that does the jobs of every interpreter, one job at a time. */
#ifndef JOB_THREAD_H
#define JOB_THREAD_H

#include "module.h"

#include <pthread.h>

struct job {
    PyInterpreterState *interpreter;
    PyObject *value;
    int result; /* of PyObject_IsInstance() */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct job *waiting; /* taken by the thread */
static struct job *finished;

/* Called on the thread, which has no thread state then; each module has its own. */
static void run_job(struct job *job);

static void *thread_main(void *unused) {
    (void)unused;
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (!waiting) {
            pthread_cond_wait(&changed, &mutex);
        }
        struct job *job = waiting;
        waiting = NULL;
        pthread_mutex_unlock(&mutex);
        run_job(job);
        pthread_mutex_lock(&mutex);
        finished = job;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

#ifndef JOB_THREAD_MAIN
#define JOB_THREAD_MAIN thread_main
#endif
static void *JOB_THREAD_MAIN(void *unused);

static void start_thread(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, JOB_THREAD_MAIN, NULL);
}

/* Returns when the job is done; without the GIL meanwhile. */
static void do_job(struct job *job) {
    Py_BEGIN_ALLOW_THREADS pthread_once(&once, start_thread);
    pthread_mutex_lock(&mutex);
    while (waiting) {
        pthread_cond_wait(&changed, &mutex);
    }
    waiting = job;
    pthread_cond_broadcast(&changed);
    while (finished != job) {
        pthread_cond_wait(&changed, &mutex);
    }
    finished = NULL;
    pthread_mutex_unlock(&mutex);
    Py_END_ALLOW_THREADS
}

#endif
