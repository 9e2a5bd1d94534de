/**
 * How the workers of one host share the connections that come: each tells the others how many
 * requests it has in hand, and leaves new ones to those that have less.
 *
 * A *member* is a worker.  It is `listening` (its epoll set has the listening socket), `yielding`
 * (to a listening one that has less in hand), or `absent` (loading, stopping, full, gone).
 *
 *   - Who has less than two requests in hand does not yield; and only to members that listen.  So a
 *     connection is always looked at: by a listening one, or when a request of a yielding one ends.
 *   - Who yields wakes the one that it yields to: of what waits already, the kernel has told only
 * one.
 *   - Who has more in hand than a yielding one wakes that one.
 *   - Who becomes absent wakes all that yield.
 *
 * The members' state is shared memory; waking is by eventfds that all processes inherit.
 */
#ifndef FCGI_HOST_LINK_BALANCE_H
#define FCGI_HOST_LINK_BALANCE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "pool/base/error.h"

enum balance_state { BALANCE_ABSENT, BALANCE_LISTENING, BALANCE_YIELDING };

struct balance;

/**
 * @param members  at most so many at a time
 * @owns   the caller: balance_release()
 * @thread supervisor
 */
struct balance *balance_new(unsigned members, struct error *err);
/** Free it, once the last member has left. */
void balance_release(struct balance *balance);
/** @return for how many it was made */
unsigned balance_size(const struct balance *balance);

/** A member for a process about to be forked. @return its number, or -1: all are taken
 *  @thread supervisor */
int balance_join(struct balance *balance);
/** Its process has ended, however. @thread supervisor */
void balance_leave(struct balance *balance, int member);

/* ---- In the member's process ---- */

/** How many requests it has in hand: the member counts them here. */
atomic_uint *balance_in_hand(struct balance *balance, int member);
/** Readable, edge-triggered, when another wakes it; never to be read. */
int balance_wake_fd(const struct balance *balance, int member);
void balance_set_state(struct balance *balance, int member, enum balance_state state);
/**
 * Yield, if a listening member has less in hand, and wake that when it is new to it.
 * @return whether the member is yielding now; if not, it is listening
 */
bool balance_yield(struct balance *balance, int member);
/** Wake yielding members that have less in hand. */
void balance_wake_idlers(struct balance *balance, int member);

#endif
