#include "fcgi_host/intake/deadline.h"

#include <stddef.h>

#include "pool/base/clock.h"

void deadline_list_init(struct deadline_list *list, unsigned timeout_ms) {
    list->timeout_ns = timeout_ms * CLOCK_NS_PER_MS;
    TAILQ_INIT(&list->waiting);
}

void deadline_start(struct deadline_list *list, struct deadline *deadline) {
    if (deadline->list == list) {
        return;
    }
    deadline_stop(deadline);
    deadline->list = list;
    deadline->at_ns = clock_now_ns() + list->timeout_ns;
    TAILQ_INSERT_TAIL(&list->waiting, deadline, link);
}

void deadline_stop(struct deadline *deadline) {
    if (deadline->list) {
        TAILQ_REMOVE(&deadline->list->waiting, deadline, link);
        deadline->list = NULL;
    }
}

struct deadline *deadline_take_expired(struct deadline_list *list, uint64_t now_ns) {
    struct deadline *first = TAILQ_FIRST(&list->waiting);
    if (!first || first->at_ns > now_ns) {
        return NULL;
    }
    deadline_stop(first);
    return first;
}

uint64_t deadline_nearest(const struct deadline_list *list) {
    const struct deadline *first = TAILQ_FIRST(&list->waiting);
    return first ? first->at_ns : UINT64_MAX;
}
