#include "reload/memory/thread_values.h"

#include <stdbool.h>
#include <stdlib.h>

#include "reload/memory/stand_in.h"

struct noted {
    struct thread_value value;
    struct noted *next;
};

/** Guards the list.  Leaf lock. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct noted *s_first;

void thread_values_each(void (*function)(const struct thread_value *value, void *arg), void *arg) {
    pthread_mutex_lock(&s_lock);
    for (const struct noted *at = s_first; at; at = at->next) {
        if (at->value.value) {
            function(&at->value, arg);
        }
    }
    pthread_mutex_unlock(&s_lock);
}

#if !STAND_IN_HAS_SANITIZER

typedef int setspecific_function(pthread_key_t key, const void *value);

static pthread_key_t s_end_key; /* its destructor runs when a thread ends */
static bool s_has_end_key;

/** The thread ends: destructors of other keys may still run, and need what they free no longer. */
static void forget_this_thread(void *unused) {
    (void)unused;
    pthread_mutex_lock(&s_lock);
    for (struct noted **at = &s_first; *at;) {
        struct noted *noted = *at;
        if (pthread_equal(noted->value.thread, pthread_self())) {
            *at = noted->next;
            free(noted);
        } else {
            at = &noted->next;
        }
    }
    pthread_mutex_unlock(&s_lock);
}

__attribute__((constructor)) static void make_end_key(void) {
    s_has_end_key = pthread_key_create(&s_end_key, forget_this_thread) == 0;
}

/** @return the entry of the calling thread, made if it is not there; NULL: out of memory */
static struct noted *find_locked(pthread_key_t key) {
    struct noted *noted = s_first;
    while (noted &&
           !(noted->value.key == key && pthread_equal(noted->value.thread, pthread_self()))) {
        noted = noted->next;
    }
    if (!noted && (noted = calloc(1, sizeof *noted))) {
        noted->value.thread = pthread_self();
        noted->value.key = key;
        noted->next = s_first;
        s_first = noted;
    }
    return noted;
}

static void note(pthread_key_t key, const void *value, const void *caller) {
    pthread_mutex_lock(&s_lock);
    struct noted *noted = find_locked(key);
    if (noted) {
        noted->value.value = (uintptr_t)value;
        noted->value.caller = (uintptr_t)caller;
    }
    pthread_mutex_unlock(&s_lock);
}

STAND_IN int pthread_setspecific(pthread_key_t key, const void *value) {
    static stand_in_address s_next;
    setspecific_function *next =
        (setspecific_function *)stand_in_next(&s_next, "pthread_setspecific");
    if (s_has_end_key && stand_in_is_extension(__builtin_return_address(0))) {
        note(key, value, __builtin_return_address(0));
        next(s_end_key, &s_first); /* any value: the destructor is to run */
    }
    return next(key, value);
}

#endif
