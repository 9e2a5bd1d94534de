/**
 * How the workers of one host share new connections: each worker publishes how many requests it has
 * in hand, and leaves new connections to workers that have fewer.
 *
 * A *member* is a worker.  It is `listening` (its epoll set has the listening socket), `yielding`
 * (to a listening one that has less in hand), or `absent` (loading, stopping, full, gone).
 *
 *   - A member with fewer than two requests in hand does not yield, and a member yields only to
 *     listening ones.  So every connection is looked at: by a listening member, or when a request
 *     of a yielding member ends.
 *   - A yielding member wakes its target, because the kernel has reported a pending connection to
 *     one member only.
 *   - A member with more in hand than a yielding one wakes that one.
 *   - A member that becomes absent wakes all yielding ones.
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
/** Free it when the last member has left. NULL is fine. */
void balance_release(struct balance *balance);
/** @return the number of members that it was made for */
unsigned balance_size(const struct balance *balance);

/** A member for a process about to be forked. @return its number, or -1: all are taken
 *  @thread supervisor */
int balance_join(struct balance *balance);
/** The member's process has ended. @thread supervisor */
void balance_leave(struct balance *balance, int member);

/* ---- In the member's process ---- */

/** @return the member's own count of requests in hand, for it to keep */
atomic_uint *balance_in_hand(struct balance *balance, int member);
/** @return a descriptor that becomes readable (edge-triggered) when another member wakes this one;
 *  never to be read */
int balance_wake_fd(const struct balance *balance, int member);
void balance_set_state(struct balance *balance, int member, enum balance_state state);
/**
 * Yield, if a listening member has fewer requests in hand; wake that member if this one did not
 * yield before.
 * @return whether the member is yielding now; if not, it is listening
 */
bool balance_yield(struct balance *balance, int member);
/** Wake the yielding member that has the fewest requests in hand, if fewer than this one. */
void balance_wake_idlers(struct balance *balance, int member);

#endif
