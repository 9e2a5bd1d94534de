/**
 * The scoreboard: memory that a worker shares with its supervisor and in which it keeps what each
 * of its threads is doing.  When the worker has been killed, its last words are there; while it
 * lives, the limits (limits.h) are kept by reading it.
 *
 * Life cycle: the supervisor makes one for each worker before fork(); the worker calls
 * scoreboard_use(); the supervisor reads it when the worker has ended, and frees it.
 *
 * @thread each slot is written by the thread that took it, and may be read by any
 * @tstate any: nothing here blocks
 */
#ifndef FCGI_HOST_LINK_SCOREBOARD_H
#define FCGI_HOST_LINK_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pool/base/error.h"

enum {
    /** Threads that are seen; further ones serve, but without limits and last words. The memory is
     *  touched only as far as it is used. */
    SCOREBOARD_SLOTS = 2048,
    SCOREBOARD_APP_BYTES = 256,
    SCOREBOARD_LINE_BYTES = 256,
    SCOREBOARD_ID_BYTES = 32,
};

enum slot_activity {
    SLOT_IDLE,
    SLOT_SERVING,
    SLOT_LOADING,
    SLOT_ASIDE, /**< beside requests: what one wants to have done afterwards, a task */
};

/** Whether an application's code runs, loaded. */
static inline bool slot_is_serving(enum slot_activity activity) {
    return activity == SLOT_SERVING || activity == SLOT_ASIDE;
}

struct generation;

/** What a thread does: written by it before scoreboard_begin(). */
struct slot_facts {
    unsigned slow_s, timeout_s; /**< the limits of this request; 0: none */
    unsigned long python_ident; /**< struct lease's */
    /** Of the request's lease; an address in the worker's process only. */
    struct generation *generation;
    char app[SCOREBOARD_APP_BYTES];
    char request_id[SCOREBOARD_ID_BYTES];
    char line[SCOREBOARD_LINE_BYTES]; /**< "GET /path?query" */
};

struct scoreboard_slot {
    _Atomic bool is_taken;
    _Atomic int activity;        /**< enum slot_activity */
    _Atomic uint64_t sequence;   /**< grows with each begin and each end: odd while active */
    _Atomic uint64_t started_ns; /**< CLOCK_MONOTONIC */
    _Atomic unsigned notices;    /**< what the limits have done about this one (limits.c) */
    _Atomic pid_t thread_id;     /**< gettid() */
    /** Other threads that use facts.generation (limits.c): the slot's thread does not end its lease
     *  meanwhile. */
    _Atomic unsigned pins;
    struct slot_facts facts;
};

struct scoreboard {
    /** The signal that ended the worker, as its handler saw it; 0: none did. */
    _Atomic int fatal_signal;
    /** The slot of the thread that got it, -1 when that thread had none. */
    _Atomic int fatal_slot;
    _Atomic unsigned used; /**< slots that were ever taken: readers look no further */
    /** Requests that threads have, or will have, where no balance (balance.h) counts them. */
    atomic_uint in_hand;
    struct scoreboard_slot slots[SCOREBOARD_SLOTS];
};

/** What a slot holds, copied. */
struct slot_view {
    enum slot_activity activity;
    uint64_t sequence, started_ns;
    pid_t thread_id;
    struct slot_facts facts;
};

/** @return shared memory, all zero, or NULL with ERR_SYSTEM @owns the caller */
struct scoreboard *scoreboard_new(struct error *err);
/** The same in a memory file, for a worker that is no child of this process's fork().
 *  @param[out] ret_fd  the file; set only on success; the caller's */
struct scoreboard *scoreboard_new_file(int *ret_fd, struct error *err);
/** Map such a file. @return NULL: ERR_SYSTEM */
struct scoreboard *scoreboard_open(int fd, struct error *err);
void scoreboard_free(struct scoreboard *board);

/** In the worker: this board is where its threads write. */
void scoreboard_use(struct scoreboard *board);

/**
 * The calling thread's slot; taken on its first call, given back when the thread ends.
 * @return NULL when all are taken
 */
struct scoreboard_slot *scoreboard_my_slot(void);
/** Its index, or -1 when it has none. @thread any; async-signal-safe */
int scoreboard_my_index(void);

/** The calling thread got the signal that ends the process; of several, the first one is noted.
 *  After scoreboard_use(). @thread any; async-signal-safe */
void scoreboard_note_fatal(int signal_number);

/** The calling thread begins something, having written the other fields of its slot. */
void scoreboard_begin(struct scoreboard_slot *slot, enum slot_activity activity, uint64_t now_ns);
void scoreboard_end(struct scoreboard_slot *slot);

/** Copy what a slot holds. @return false when it is idle, or changed while it was copied */
bool scoreboard_read(const struct scoreboard_slot *slot, struct slot_view *ret_view);

/** @param[out] ret_active  threads that do something now; NULL: not wanted
 *  @return how often threads have begun or ended something: what differs from before has worked */
uint64_t scoreboard_work(const struct scoreboard *board, unsigned *ret_active);

/** Copy text into a field of a slot, cut to what fits. */
void scoreboard_set_text(char *field, size_t room, const char *text, size_t size);

#endif
