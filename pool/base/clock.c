#include "pool/base/clock.h"

uint64_t clock_read_ns(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void) {
    return clock_read_ns(CLOCK_MONOTONIC);
}

double clock_now_ms(void) {
    return (double)clock_now_ns() / CLOCK_NS_PER_MS;
}

struct timespec clock_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / CLOCK_NS_PER_S),
                             .tv_nsec = (long)(ns % CLOCK_NS_PER_S)};
}

struct timespec clock_deadline_ns(uint64_t ns) {
    return clock_timespec(clock_now_ns() + ns);
}

struct timespec clock_deadline(uint64_t ms) {
    return clock_deadline_ns(ms * CLOCK_NS_PER_MS);
}

uint64_t clock_left_ns(const struct timespec *deadline) {
    uint64_t at = (uint64_t)deadline->tv_sec * CLOCK_NS_PER_S + (uint64_t)deadline->tv_nsec;
    uint64_t now = clock_now_ns();
    return at > now ? at - now : 0;
}

int clock_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    int failure = pthread_condattr_init(&attributes);
    if (failure) {
        return failure;
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failure = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return failure;
}

int clock_lock_init(pthread_mutex_t *lock, pthread_cond_t *cond) {
    int failure = pthread_mutex_init(lock, NULL);
    if (!failure) {
        failure = clock_cond_init(cond);
        if (failure) {
            pthread_mutex_destroy(lock);
        }
    }
    return failure;
}
