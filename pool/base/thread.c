#include "pool/base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { NAME_BYTES = 16 };

int thread_start(void *(*function)(void *arg), void *arg, const char *name, struct error *err) {
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, function, arg);
    if (failure) {
        return error_set_errno(err, failure, "a thread");
    }
    char short_name[NAME_BYTES];
    snprintf(short_name, sizeof short_name, "%s", name);
    pthread_setname_np(thread, short_name);
    pthread_detach(thread);
    return 0;
}

int thread_start_deaf(void *(*function)(void *arg), void *arg, const char *name,
                      struct error *err) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = thread_start(function, arg, name, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
