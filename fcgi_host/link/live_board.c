#include "fcgi_host/link/live_board.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/link/shared_memory.h"

/* A state is a number, shifted, and whether it is a failure. */
enum { STATE_SHIFT = 1, FAILURE = 1 };

#define US_PER_S UINT64_C(1000000)
#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

struct slot {
    _Atomic uint64_t name;    /* a hash; 0: nobody's */
    _Atomic uint64_t state;   /* 0: none yet */
    _Atomic bool is_expected; /* what is loaded next is other code */
    _Atomic bool has_error;   /* `error` is whole */
    struct error error;
};

struct board {
    _Atomic uint64_t last_number;
    struct slot slots[LIVE_SLOTS];
};

/* Inherited by fork(). */
static struct board *s_board;
static int s_fd = -1;

int live_board_open(struct error *err) {
    if (s_board) {
        return 0;
    }
    struct board *board = shared_memory_new(sizeof *board, err);
    if (!board) {
        return -1;
    }
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        int reason = errno;
        munmap(board, sizeof *board);
        return error_set_errno(err, reason, "eventfd");
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    atomic_init(&board->last_number,
                (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000);
    s_board = board;
    s_fd = fd;
    return 0;
}

int live_board_fd(void) {
    return s_fd;
}

/* FNV-1a; never 0. */
static uint64_t hash(const char *text) {
    uint64_t value = FNV_START;
    for (; *text; text++) {
        value = (value ^ (unsigned char)*text) * FNV_PRIME;
    }
    return value ? value : 1;
}

int live_board_slot(const char *app) {
    uint64_t name = hash(app);
    for (int i = 0; s_board && i < LIVE_SLOTS; i++) {
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(&s_board->slots[i].name, &found, name) ||
            found == name) {
            return i;
        }
    }
    return -1;
}

static struct slot *slot_at(int slot) {
    return s_board && slot >= 0 && slot < LIVE_SLOTS ? &s_board->slots[slot] : NULL;
}

uint64_t live_board_state(int slot) {
    struct slot *at = slot_at(slot);
    return at ? atomic_load(&at->state) : 0;
}

void live_board_expect(int slot) {
    for (int i = 0; s_board && i < LIVE_SLOTS; i++) {
        if (slot < 0 || slot == i) {
            atomic_store(&s_board->slots[i].is_expected, true);
        }
    }
}

static uint64_t next_state(void) {
    return (atomic_fetch_add(&s_board->last_number, 1) + 1) << STATE_SHIFT;
}

uint64_t live_board_draw(int slot) {
    struct slot *at = slot_at(slot);
    if (!at) {
        return 0;
    }
    atomic_store(&at->has_error, false);
    uint64_t state = atomic_load(&at->state);
    bool is_the_same = state && !(state & FAILURE) && !atomic_load(&at->is_expected);
    return is_the_same ? state : next_state();
}

static void set_state(struct slot *slot, uint64_t state) {
    static const uint64_t s_one = 1;
    atomic_store(&slot->is_expected, false);
    if (atomic_exchange(&slot->state, state) != state) {
        /* It fails only when it has been written to 2^64 - 2 times: those who wait are woken. */
        ssize_t written = write(s_fd, &s_one, sizeof s_one);
        (void)written;
    }
}

void live_board_serves(int slot, uint64_t state) {
    struct slot *at = slot_at(slot);
    if (at && state) {
        set_state(at, state);
    }
}

void live_board_failed(int slot) {
    struct slot *at = slot_at(slot);
    if (at) {
        set_state(at, next_state() | FAILURE);
    }
}

void live_board_keep_error(int slot, const struct error *err) {
    struct slot *at = slot_at(slot);
    if (at) {
        atomic_store(&at->has_error, false);
        at->error = *err;
        atomic_store(&at->has_error, true);
    }
}

bool live_board_take_error(int slot, struct error *ret_err) {
    struct slot *at = slot_at(slot);
    if (!at || !atomic_load(&at->has_error)) {
        return false;
    }
    *ret_err = at->error;
    return atomic_exchange(&at->has_error, false);
}
