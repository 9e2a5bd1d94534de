/**
 * What replacement.c (the queue: wishes and ends) and replacement_course.c (the one that is under
 * way) share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_REPLACEMENT_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_REPLACEMENT_INTERNAL_H

#include "fcgi_host/supervisor/replacement.h"

/** Who is told how a replacement ended. */
struct requester {
    struct requester *next;
    void (*done)(void *ctx, const struct replacement_result *result);
    void *ctx;
};

struct replacement {
    struct replacement *next;
    char cause[256];       /* of all wishes that it fulfils, separated by "; " */
    struct config *config; /* the candidate; NULL: the one in effect */
    int seat;              /* -1: all */
    pid_t worker;          /* that wants to be replaced; 0: `seat` is meant whoever has it */
    unsigned at;           /* the seat that is being replaced */
    unsigned attempts;     /* workers that died while loading for it */
    bool is_forced, is_in_effect;
    bool is_upkeep;    /* all wishes say so */
    bool is_held;      /* until it is committed; the callback is `prepared` */
    bool is_prepared;  /* every new worker has loaded, and waits */
    bool is_committed; /* they take their seats */
    void (*prepared)(void *ctx);
    void *prepared_ctx;
    bool is_kept;        /* a new configuration lost something and was given up */
    char why[512];       /* "": nothing to say */
    uint64_t started_ms; /* 0: waits in the queue */
    struct requester *requesters;
};

struct replacement_queue {
    struct seats *seats;
    struct replacement_hooks hooks;
    struct replacement *first; /* the one under way, once it has begun */
    /* The old worker was told to stop, and has not said yet that it begins nothing; 0: none. */
    pid_t leaving;
    pid_t arriving;    /* the new worker, which waits for that; 0: none */
    pid_t ending;      /* the old worker, which must have ended before another loads; 0: none */
    pid_t predecessor; /* of the worker that loads or serves in the seat; 0: none */
    int bequest_fd;    /* where the idle connections of `ending` come from; -1: nowhere */
    struct worker_process had; /* what `ending` had not loaded: `failed` only */
    struct loop_timer left;
};
/** The seat's worker leaves edits to the one that loads in its place for so long
 * (CHANNEL_HOLD_EDITS). */
void replacement_hold_edits(const struct seat *seat, unsigned ms);

/** The old worker, or what is left of it, concerns the queue no longer. */
void replacement_forget_predecessor(struct replacement_queue *queue);
/** The first of the queue has ended. */
void replacement_finish(struct replacement_queue *queue, bool is_kept, const char *why);
/** Drop the first ones whose workers have left their seats before their turn came. */
void replacement_drop_fulfilled(struct replacement_queue *queue);
/** The new worker accepts, unless it has died meanwhile. */
void replacement_let_accept(struct replacement_queue *queue, const struct seat *seat);

#endif
