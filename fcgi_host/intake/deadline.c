#include "fcgi_host/intake/deadline.h"

#include <stddef.h>
#include <time.h>

#include "fcgi_host/fastcgi/connection.h"

uint64_t deadline_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void deadline_list_init(struct deadline_list *list, unsigned timeout_ms) {
    list->timeout_ns = (uint64_t)timeout_ms * 1000000u;
    TAILQ_INIT(&list->connections);
}

void deadline_start(struct deadline_list *list, struct connection *connection) {
    if (connection->deadline == list) {
        return;
    }
    deadline_stop(connection);
    connection->deadline = list;
    connection->deadline_ns = deadline_now_ns() + list->timeout_ns;
    TAILQ_INSERT_TAIL(&list->connections, connection, deadline_link);
}

void deadline_stop(struct connection *connection) {
    if (connection->deadline) {
        TAILQ_REMOVE(&connection->deadline->connections, connection, deadline_link);
        connection->deadline = NULL;
    }
}

struct connection *deadline_take_expired(struct deadline_list *list, uint64_t now_ns) {
    struct connection *first = TAILQ_FIRST(&list->connections);
    if (!first || first->deadline_ns > now_ns) {
        return NULL;
    }
    deadline_stop(first);
    return first;
}

uint64_t deadline_nearest(const struct deadline_list *list) {
    const struct connection *first = TAILQ_FIRST(&list->connections);
    return first ? first->deadline_ns : UINT64_MAX;
}
