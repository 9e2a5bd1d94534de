/**
 * What extensions keep under a key for a thread (pthread_setspecific()).
 *
 * This file defines pthread_setspecific() in the executable (stand_in.h), and notes the values that
 * extensions set, until the thread ends or sets another.
 *
 * @thread any  @tstate any
 */
#ifndef RELOAD_MEMORY_THREAD_VALUES_H
#define RELOAD_MEMORY_THREAD_VALUES_H

#include <pthread.h>
#include <stdint.h>

struct thread_value {
    pthread_t thread;
    pthread_key_t key;
    uintptr_t value;
    uintptr_t caller; /**< where pthread_setspecific() was called from */
};

/**
 * Call `function` for each value that is not NULL; they do not change meanwhile, and each stays
 * where it is as long as its thread lives.  The function must not set such a value.
 */
void thread_values_each(void (*function)(const struct thread_value *value, void *arg), void *arg);

#endif
