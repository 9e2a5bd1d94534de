/**
 * Spares: of an interpreter that is reloaded in the process, the next generation's interpreter with
 * the libraries imported that the serving one has imported (pool_spare_make(), wsgi_preload_…).
 *
 * When one is made (`spare`): `on`, or `dev`: after each load and each reload; `auto`: after a
 * reload, and it is given back when spare_idle_s have passed without another; `off`: never.  An
 * interpreter with several applications has one when any of them wants it.  When memory is short,
 * every spare is given back, until there is another reload.
 *
 * Making one is an errand (errands.h): an edit ends it at the next import.  What is made passes the
 * check for stale state before it is used, and what the check finds is acted on as after a reload.
 *
 * @tstate none, unless said otherwise
 */
#ifndef FCGI_HOST_RECYCLE_SPARES_H
#define FCGI_HOST_RECYCLE_SPARES_H

#include "fcgi_host/recycle/errands.h"

/** Hear what Python imports. */
void spares_begin(struct recycle *recycle);
/** The machine has no memory left: spares are given back, and for a while none is made.
 *  @thread any */
void spares_memory_is_short(struct recycle *recycle);
/** This worker is replaced. @lock recycle->lock held, let go meanwhile */
void spares_give_all_back_locked(struct recycle *recycle);
extern const struct errand spares_errand;

/** Set recyclable->spare, unless there is never to be one. @return 0, or -1: ERR_MEMORY */
int spare_new(struct recyclable *recyclable, struct error *err);
/** NULL is fine. */
void spare_free(struct spare *spare);

/** Its first generation serves, or did not load. @thread any */
void spares_note_loaded(struct recyclable *recyclable);
/** Its reload has come to this step. @thread reloader's */
void spares_note_step(struct recyclable *recyclable, enum reload_step step);

#endif
