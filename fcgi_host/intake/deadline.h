/**
 * Deadlines that the intake thread waits for: lists of one timeout each, so that the order of
 * arrival is the order of the deadlines, and every operation takes constant time.
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_INTAKE_DEADLINE_H
#define FCGI_HOST_INTAKE_DEADLINE_H

#include <stdint.h>
#include <sys/queue.h>

/** A member of the struct that has the deadline; all zero: it does not count. */
struct deadline {
    struct deadline_list *list; /**< NULL: it does not count */
    uint64_t at_ns;             /**< CLOCK_MONOTONIC */
    TAILQ_ENTRY(deadline) link;
};

struct deadline_list {
    uint64_t timeout_ns;
    TAILQ_HEAD(, deadline) waiting; /**< the nearest first */
};

void deadline_list_init(struct deadline_list *list, unsigned timeout_ms);
/** Begin to count, unless it counts for this list already. */
void deadline_start(struct deadline_list *list, struct deadline *deadline);
/** Stop counting, if it does. */
void deadline_stop(struct deadline *deadline);
/** The first that has passed, taken out of the list; or NULL. */
struct deadline *deadline_take_expired(struct deadline_list *list, uint64_t now_ns);
/** When the nearest one passes, or UINT64_MAX. */
uint64_t deadline_nearest(const struct deadline_list *list);

#endif
