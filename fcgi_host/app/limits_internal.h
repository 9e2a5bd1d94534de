/**
 * What limits.c (time) and limits_timeout.c (Python) share.
 */
#ifndef FCGI_HOST_APP_LIMITS_INTERNAL_H
#define FCGI_HOST_APP_LIMITS_INTERNAL_H

#include "fcgi_host/app/limits.h"

struct limits {
    struct limits_options options;
    int wake_fd;
    /** Until when the thread sleeps; a request with an earlier deadline wakes it. */
    _Atomic uint64_t armed_ns;
    _Atomic uint64_t rss_checked_ns;
    _Atomic bool is_spent, is_rss_wanted, is_stacks_wanted;
    _Atomic bool has_asked; /**< for a replacement, not kept yet */
};

/**
 * Raise fcgi_host.RequestTimeout in the thread that serves this request, if it still does.  On a
 * thread of its own, which waits for the GIL as long as it takes. @thread limits @tstate none
 */
void limits_raise(struct scoreboard_slot *slot, const struct slot_view *view);

/**
 * The request has ended (slot_end()): wait for a limits_raise() that is under way, then take back
 * what it raised and this thread has not noticed.
 * @thread generation (the slot's)  @tstate attached; detaches while it waits
 */
void limits_withdraw(struct scoreboard_slot *slot, unsigned long python_ident);

#endif
