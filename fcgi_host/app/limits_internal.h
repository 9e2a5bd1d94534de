/**
 * What limits.c (time) and limits_raise.c (Python) share.
 */
#ifndef FCGI_HOST_APP_LIMITS_INTERNAL_H
#define FCGI_HOST_APP_LIMITS_INTERNAL_H

#include "fcgi_host/app/limits.h"

enum {
    /** RequestTimeout has been raised in Python: a request that runs on so long is stuck in C. */
    LIMITS_STUCK_AFTER_MS = 5000,
    /** The same: the application has had its chance to answer, the web server waits. */
    LIMITS_ANSWER_AFTER_MS = 1000,
    /** A serving thread that uses its request, which never takes long, is asked again. */
    LIMITS_TRY_AGAIN_MS = 20,
    /** Reading the resident memory costs some microseconds: too much after each request. */
    LIMITS_RSS_CHECK_MS = 1000,
};

struct limits {
    struct limits_options options;
    /** limits_raise(); tests, which have no Python, put another function here. */
    void (*raise)(struct scoreboard_slot *slot, const struct slot_view *view,
                  const char *exception);
    int wake_fd;
    /** The limits thread sleeps until then; a request with an earlier deadline wakes it. */
    _Atomic uint64_t armed_ns;
    _Atomic uint64_t rss_checked_ns;
    _Atomic uint64_t served; /**< requests, for options.max_requests */
    _Atomic bool is_spent, is_rss_wanted, is_stacks_wanted, has_client_event;
    /** limits_log_stacks_of(): an address, not followed. */
    const struct generation *_Atomic stacks_of;
    _Atomic bool has_asked; /**< for a replacement, which has not been kept since */
};

/** Fill a struct without starting the thread. @return 0, or -1: ERR_SYSTEM */
int limits_init(struct limits *limits, const struct limits_options *options, struct error *err);

/**
 * One turn of the limits thread: do what is due about the process and about each running request.
 * @param now_ns  CLOCK_MONOTONIC
 * @return when to look again; UINT64_MAX: no running request has a deadline
 * @thread limits
 */
uint64_t limits_look(struct limits *limits, uint64_t now_ns);

/**
 * Keep the thread that serves this request from ending the request's lease, if that thread still
 * serves it.  Only once a notice is set for which limits_end() waits.
 * @return false: the request has ended; true: the caller must call limits_unpin()  @thread any
 */
bool limits_pin(struct scoreboard_slot *slot, const struct slot_view *view);
void limits_unpin(struct scoreboard_slot *slot);

/**
 * Raise an exception in the thread that serves this request, if that thread still serves it.  A new
 * thread does it, which waits for the GIL as long as that takes.
 * @param exception  "RequestTimeout" or "ClientGone", of the module fcgi_host; a literal
 * @thread limits  @tstate none
 */
void limits_raise(struct scoreboard_slot *slot, const struct slot_view *view,
                  const char *exception);

/**
 * The request has ended (scoreboard_end()): wait until a limits_raise() under way is done, then
 * take back an exception that was raised and that the calling thread has not noticed yet.
 * @thread generation (the slot's)  @tstate attached; detaches while it waits
 */
void limits_withdraw_exception(struct scoreboard_slot *slot);

#endif
