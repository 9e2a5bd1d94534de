/* A thread that calls a function each time it is poked.  The memory of the struct outlives it. */
#ifndef POKED_THREAD_H
#define POKED_THREAD_H

#include <pthread.h>

struct poked_thread {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned asked, answered; /* pokes */
    int is_stopping;          /* set under the mutex: the thread ends */
    void (*function)(void *arg);
    void *arg;
};

static void *poked_thread_main(void *arg) {
    struct poked_thread *self = arg;
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        while (self->asked == self->answered && !self->is_stopping) {
            pthread_cond_wait(&self->changed, &self->mutex);
        }
        if (self->is_stopping) {
            break;
        }
        pthread_mutex_unlock(&self->mutex);
        self->function(self->arg);
        pthread_mutex_lock(&self->mutex);
        self->answered++;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* 0, or an error number: there is no thread then. */
static int poked_thread_start(struct poked_thread *self, void (*function)(void *), void *arg) {
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    self->function = function;
    self->arg = arg;
    return pthread_create(&self->thread, NULL, poked_thread_main, self);
}

/* Returns when the function has been called; the caller does not hold the GIL. */
static void poked_thread_poke(struct poked_thread *self) {
    pthread_mutex_lock(&self->mutex);
    unsigned mine = ++self->asked;
    pthread_cond_broadcast(&self->changed);
    while (self->answered != mine) {
        pthread_cond_wait(&self->changed, &self->mutex);
    }
    pthread_mutex_unlock(&self->mutex);
}

#endif
