#include "fcgi_host/fastcgi/returns.h"

#include <sys/eventfd.h>

#include "fcgi_host/fastcgi/connection.h"

void returns_wake(struct returns *returns) {
    if (!atomic_exchange(&returns->is_wake_pending, true)) {
        eventfd_write(returns->wake_fd, 1); /* fails only when the counter would reach 2^64 */
    }
}

void returns_put(struct returns *returns, struct connection *c) {
    struct connection *first = atomic_load_explicit(&returns->first, memory_order_relaxed);
    do {
        c->next_returned = first;
    } while (!atomic_compare_exchange_weak(&returns->first, &first, c));
}

struct connection *returns_take(struct returns *returns) {
    /* First: a thread that adds to the list after the exchange below must wake again. */
    atomic_store(&returns->is_wake_pending, false);
    return atomic_exchange(&returns->first, NULL);
}
