/**
 * One spare: what spares.c (when it is made) and spare.c (how) share.
 *
 * @tstate none, unless said otherwise
 */
#ifndef FCGI_HOST_RECYCLE_SPARE_H
#define FCGI_HOST_RECYCLE_SPARE_H

#include "fcgi_host/recycle/recycle_internal.h"

enum {
    SPARE_COLD_MAX =
        3,           /**< loads in a row that a spare did not fit: then none is made for a while */
    SPARE_REST = 10, /**< reloads; then one more is tried */
};

/** The spare of a recyclable. @lock recycle->lock, but for what the thread at work uses alone */
struct spare {
    enum spare_mode mode;
    uint64_t idle_ms;
    bool is_wanted;             /**< one is to be made when due_ns has come */
    uint64_t due_ns;            /**< CLOCK_MONOTONIC */
    uint64_t given_back_ns;     /**< when it is given back, CLOCK_MONOTONIC; UINT64_MAX: never */
    const char *given_back_why; /**< "given back: …" */
    bool is_outdated;           /**< more libraries have been imported since it was made */
    unsigned colds;             /**< loads in a row that it did not fit */
    unsigned rested;            /**< reloads since these were SPARE_COLD_MAX */
    unsigned interruptions;     /**< in a row */
    struct wsgi_modules memory; /**< of wsgi_preload_order */
    unsigned modules;
    uint64_t bytes; /**< that making it took of the process's memory; 0: not known */
    double ms;
    char left_out[RECYCLE_WHY_BYTES];
    char why[RECYCLE_WHY_BYTES]; /**< why there is none */

    /* While one is made. */
    struct wsgi_modules list; /**< of wsgi_preload_order */
    bool may_serve;
};

/** For struct wsgi_preload_hook: whether to go on making. @param ctx  struct recycle * */
bool spare_is_wanted(void *ctx, struct pool_interpreter *interpreter);

/**
 * Make a spare and offer it, in place of the one before.
 * @pre the target is held (reload_target_hold())
 * @return 0, or -1 with `err`, why there is none: ERR_BUSY, ERR_CLOSED (something else is to be
 *         done first), and others
 */
int spare_make(struct recyclable *recyclable, struct error *err);
/** End the spare on offer, if there is one. */
void spare_give_back(struct recyclable *recyclable);

#endif
