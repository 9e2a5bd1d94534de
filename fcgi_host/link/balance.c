#include "fcgi_host/link/balance.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgi_host/link/shared_memory.h"

/** A member with fewer requests in hand does not yield: one is at work, one may wait. */
enum { LEAST_TO_YIELD = 2 };

struct member {
    atomic_uint in_hand;
    _Atomic int state; /**< enum balance_state */
    int wake_fd;       /**< the same number in all processes; written before they are forked */
    bool is_taken;     /**< @thread supervisor */
};

struct balance {
    unsigned count;
    unsigned taken;   /**< @thread supervisor */
    bool is_released; /**< @thread supervisor */
    struct member members[];
};

static size_t size_for(unsigned members) {
    return sizeof(struct balance) + members * sizeof(struct member);
}

struct balance *balance_new(unsigned members, struct error *err) {
    struct balance *balance = shared_memory_new(size_for(members), err);
    if (!balance) {
        return NULL;
    }
    balance->count = members;
    for (unsigned i = 0; i < members; i++) {
        balance->members[i].wake_fd = -1;
    }
    for (unsigned i = 0; i < members; i++) {
        balance->members[i].wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (balance->members[i].wake_fd < 0) {
            error_set_errno(err, errno, "eventfd");
            balance_release(balance);
            return NULL;
        }
    }
    return balance;
}

static void free_unused(struct balance *balance) {
    if (!balance->is_released || balance->taken > 0) {
        return;
    }
    for (unsigned i = 0; i < balance->count; i++) {
        if (balance->members[i].wake_fd >= 0) {
            close(balance->members[i].wake_fd);
        }
    }
    munmap(balance, size_for(balance->count));
}

void balance_release(struct balance *balance) {
    if (balance) {
        balance->is_released = true;
        free_unused(balance);
    }
}

unsigned balance_size(const struct balance *balance) {
    return balance->count;
}

int balance_join(struct balance *balance) {
    for (unsigned i = 0; i < balance->count; i++) {
        if (!balance->members[i].is_taken) {
            balance->members[i].is_taken = true;
            balance->taken++;
            return (int)i;
        }
    }
    return -1;
}

static void wake_member(const struct member *member) {
    eventfd_write(member->wake_fd, 1); /* fails only when the counter would reach 2^64 */
}

void balance_leave(struct balance *balance, int member) {
    struct member *mine = &balance->members[member];
    balance_set_state(balance, member, BALANCE_ABSENT);
    atomic_store(&mine->in_hand, 0);
    mine->is_taken = false;
    balance->taken--;
    free_unused(balance);
}

atomic_uint *balance_in_hand(struct balance *balance, int member) {
    return &balance->members[member].in_hand;
}

int balance_wake_fd(const struct balance *balance, int member) {
    return balance->members[member].wake_fd;
}

/** @return the member in that state with the fewest requests in hand, if fewer than `mine` has;
 *  else NULL */
static struct member *find_less(struct balance *balance, const struct member *mine,
                                enum balance_state state) {
    struct member *found = NULL;
    unsigned least = atomic_load(&mine->in_hand);
    if (least < LEAST_TO_YIELD) {
        return NULL;
    }
    for (unsigned i = 0; i < balance->count; i++) {
        struct member *other = &balance->members[i];
        unsigned in_hand = atomic_load(&other->in_hand);
        if (other != mine && in_hand < least && atomic_load(&other->state) == (int)state) {
            found = other;
            least = in_hand;
        }
    }
    return found;
}

void balance_set_state(struct balance *balance, int member, enum balance_state state) {
    int before = atomic_exchange(&balance->members[member].state, state);
    if (before != BALANCE_LISTENING || state != BALANCE_ABSENT) {
        return;
    }
    for (unsigned i = 0; i < balance->count; i++) {
        if (atomic_load(&balance->members[i].state) == BALANCE_YIELDING) {
            wake_member(&balance->members[i]);
        }
    }
}

bool balance_yield(struct balance *balance, int member) {
    struct member *mine = &balance->members[member];
    struct member *other = find_less(balance, mine, BALANCE_LISTENING);
    if (other) {
        /* The other may yield at the same moment: both store, then look, so that one sees it. */
        bool is_new = atomic_exchange(&mine->state, BALANCE_YIELDING) != BALANCE_YIELDING;
        other = find_less(balance, mine, BALANCE_LISTENING);
        if (other && is_new) {
            wake_member(other);
        }
    }
    if (!other) {
        atomic_store(&mine->state, BALANCE_LISTENING);
    }
    return other != NULL;
}

void balance_wake_idlers(struct balance *balance, int member) {
    const struct member *idler = find_less(balance, &balance->members[member], BALANCE_YIELDING);
    if (idler) {
        wake_member(idler);
    }
}
