/**
 * Which thread may use a request, where a second thread may have to take the request over: a
 * serving thread can be stuck in C code for longer than the web server waits.
 *
 * A hold is a serving thread's own and outlives its requests, so the second thread never follows a
 * pointer into a request that has ended.  One atomic says whose the request is, and of how many
 * that thread has served it is:
 *
 *     HOLD_BUSY     the serving thread uses the request now, or has none
 *     HOLD_FREE     the serving thread runs the application: hold_take() and hold_look() succeed
 *     HOLD_WAITING  the serving thread waits for the peer: hold_take() succeeds
 *     HOLD_LOOKED_AT  the second thread looks at the connection, and gives it back at once
 *     HOLD_TAKEN    the request is the second thread's, which answers it.  The serving thread must
 *                   not touch it any more: hold_enter(), hold_resume() and hold_end() say so
 *
 *     serving:  hold_begin → BUSY;  hold_leave BUSY → FREE;  hold_enter FREE → BUSY;
 *               hold_wait BUSY → WAITING;  hold_resume WAITING → BUSY;  hold_end FREE → BUSY
 *     second:   hold_take FREE, WAITING → TAKEN;  hold_look FREE → LOOKED_AT → FREE
 *
 * Only the serving thread leaves BUSY, so it may do that with a plain store; every other change is
 * a compare-and-swap.  Each change to FREE or WAITING releases, each change from them acquires.
 *
 * Threads of the application that use the request are "the serving thread" here: they keep one
 * another out (wsgi/exchange.h).
 * @tstate any
 */
#ifndef FCGI_HOST_FASTCGI_HOLD_H
#define FCGI_HOST_FASTCGI_HOLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct request;

struct request_hold {
    _Atomic uint64_t state; /**< the number of the request, and a phase */
    struct request *_Atomic request;
    const char *line;           /**< method and URL, for log lines; the serving thread's */
    atomic_bool has_peer_event; /**< the peer has sent something, or closed: hold_look() */
};

/** A request begins on the calling thread. @param number  of this thread's requests; grows
 *  @param line  borrowed for as long as the request lasts */
void hold_begin(struct request_hold *hold, struct request *request, uint64_t number,
                const char *line);
/** Use the request. @return false: it was taken */
bool hold_enter(struct request_hold *hold);
/** Stop using it.  Nothing happens when it was taken. */
void hold_leave(struct request_hold *hold);
/** Within hold_enter() and hold_leave(): about to wait for the peer. */
void hold_wait(struct request_hold *hold);
/** The wait is over. @return false: the request was taken meanwhile */
bool hold_resume(struct request_hold *hold);
/** Use the request for the last time. @return false: it was taken */
bool hold_end(struct request_hold *hold);

/* ---- The second thread (one at a time) ---- */

enum hold_outcome {
    HOLD_IS_MINE,  /**< the request is the caller's */
    HOLD_IN_USE,   /**< the serving thread is using it: try again later */
    HOLD_WATCHES,  /**< (hold_look) the serving thread waits for the peer, and sees what comes */
    HOLD_HAS_ENDED /**< that request is over, or was taken before */
};
/** Take a request for good. @param[out] ret_request  set for HOLD_IS_MINE */
enum hold_outcome hold_take(struct request_hold *hold, uint64_t number,
                            struct request **ret_request);
/** Use a request for a moment, without waiting for anything; for HOLD_IS_MINE the caller must call
 *  hold_look_end(). */
enum hold_outcome hold_look(struct request_hold *hold, uint64_t number,
                            struct request **ret_request);
void hold_look_end(struct request_hold *hold);

#endif
