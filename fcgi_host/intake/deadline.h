/**
 * Deadlines of connections that the intake thread waits for: lists of one timeout each, so that
 * the order of arrival is the order of the deadlines, and every operation takes constant time.
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_INTAKE_DEADLINE_H
#define FCGI_HOST_INTAKE_DEADLINE_H

#include <stdint.h>
#include <sys/queue.h>

struct connection;

struct deadline_list {
    uint64_t timeout_ns;
    TAILQ_HEAD(, connection) connections; /**< the nearest first */
};

/** CLOCK_MONOTONIC */
uint64_t deadline_now_ns(void);

void deadline_list_init(struct deadline_list *list, unsigned timeout_ms);
/** Begin to count, unless it counts for this list already. */
void deadline_start(struct deadline_list *list, struct connection *connection);
/** Stop counting, if it does. */
void deadline_stop(struct connection *connection);
/** The first whose deadline has passed, taken out of the list; or NULL. */
struct connection *deadline_take_expired(struct deadline_list *list, uint64_t now_ns);
/** The nearest deadline, or UINT64_MAX. */
uint64_t deadline_nearest(const struct deadline_list *list);

#endif
