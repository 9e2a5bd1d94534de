/**
 * The intake thread defers to the threads that serve.
 *
 * When a connection closes, its web server opens the next one. With requests in hand, each response
 * would thus wake the intake thread in the middle of the next response: two context switches and
 * cold caches, for a request that has to wait anyway.  So while several requests are in hand, it
 * has the scheduling policy SCHED_BATCH, which does not preempt the running thread.  On a processor
 * of its own the intake thread runs at once as before; on a shared processor it runs when a serving
 * thread sleeps or has used up its turn, and then finds everything that has come meanwhile.  With
 * less in hand it is an ordinary thread, so that a request to an idle host does not wait for other
 * programs.
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

/** @param in_hand  zero at first; must outlive the deference */
void deference_init(struct deference *deference, atomic_uint *in_hand);
/** Note that the calling thread is the intake thread. @thread intake */
void deference_start(struct deference *deference);
/** A request is handed over. @thread intake */
void deference_begin(struct deference *deference);
/** A request has ended. @thread any */
void deference_end(struct deference *deference);
/** Before waiting for events. @thread intake */
void deference_update(struct deference *deference);

#endif
