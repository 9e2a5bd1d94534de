/**
 * The supervisor's event loop: descriptors (epoll) and deadlines.  It sleeps until a
 * descriptor is ready or the nearest deadline has come, and never wakes for nothing.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_LOOP_H
#define FCGI_HOST_SUPERVISOR_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "pool/base/error.h"

struct loop;

/** A descriptor to watch.  Embedded in its owner, which must remove it before it goes. */
struct loop_source {
    int fd;
    /** @param events  EPOLLIN, EPOLLOUT, EPOLLHUP … */
    void (*ready)(void *ctx, uint32_t events);
    void *ctx;
    struct loop_source *next; /**< the loop's */
};

/** A deadline.  Embedded in its owner; it may be armed any number of times. */
struct loop_timer {
    void (*expired)(void *ctx);
    void *ctx;
    uint64_t at_ms; /**< CLOCK_MONOTONIC; the loop's once armed */
    bool is_armed;
    struct loop_timer *next; /**< the loop's */
};

/** @return the loop, or NULL: ERR_SYSTEM, ERR_MEMORY */
struct loop *loop_new(struct error *err);
void loop_free(struct loop *loop);

/** @param events  EPOLLIN | … Errors: ERR_SYSTEM */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err);
int loop_change(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err);
/** Stop watching; the descriptor stays open.  A source that is not watched is fine. */
void loop_remove(struct loop *loop, struct loop_source *source);

/** Call `timer->expired` once, after `delay_ms`.  Arming it again moves it. */
void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/** Call `before_sleep` after each turn, before the loop sleeps. */
void loop_set_before_sleep(struct loop *loop, void (*before_sleep)(void *ctx), void *ctx);

/** Run until loop_stop(). Errors: ERR_SYSTEM */
int loop_run(struct loop *loop, struct error *err);
void loop_stop(struct loop *loop);

/** In a child process after fork(): close the descriptors of the loop and all it watches. */
void loop_close_in_child(struct loop *loop);

/** CLOCK_MONOTONIC in milliseconds. */
uint64_t loop_now_ms(void);

#endif
