/**
 * The intake thread defers to the threads that serve.
 *
 * A closing connection makes its web server's next one: with requests in hand, each response would
 * wake the intake thread in the middle of the next response, twice a context switch and cold
 * caches, for a request that has to wait anyway.  So while several requests are in hand, it has the
 * scheduling policy SCHED_BATCH, which does not preempt whoever runs when it becomes ready: on a
 * processor of its own it runs at once as before; on a shared one when a serving thread sleeps or
 * has used up its turn, and finds all that has come meanwhile.  With less in hand it is an ordinary
 * thread, so that a request that finds the host idle does not wait for other programs' turns.
 *
 * Follows: sched(7).
 */
#ifndef FCGI_HOST_FASTCGI_DEFERENCE_H
#define FCGI_HOST_FASTCGI_DEFERENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct deference {
    atomic_uint *in_hand; /**< requests that serving threads have, or will have */
    atomic_bool is_deferring;
    atomic_bool is_allowed; /**< the thread is an ordinary one, and the system lets us */
    pid_t thread;
};

/** @param in_hand  zero; must outlive it */
void deference_init(struct deference *deference, atomic_uint *in_hand);
/** This thread is the intake thread. @thread intake */
void deference_start(struct deference *deference);
/** A request is handed over. @thread intake */
void deference_begin(struct deference *deference);
/** A request has ended. @thread any */
void deference_end(struct deference *deference);
/** Before waiting for events. @thread intake */
void deference_update(struct deference *deference);

#endif
