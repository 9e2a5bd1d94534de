/**
 * What is done for an interpreter that serves when there is time: a spare is made or given back
 * (spares.h), the check looks again (looks.h).
 *
 * A thread of its own runs errands one after the other, and sleeps while none is due.  While one
 * runs no reload of that interpreter begins (reload_target_hold()).
 *
 * @tstate none, unless said otherwise
 */
#ifndef FCGI_HOST_RECYCLE_ERRANDS_H
#define FCGI_HOST_RECYCLE_ERRANDS_H

#include "fcgi_host/recycle/recycle_internal.h"

/** One kind of errand.  @lock recycle->lock held in each function */
struct errand {
    /** @return CLOCK_MONOTONIC; UINT64_MAX: there is nothing to do */
    uint64_t (*due_ns)(const struct recyclable *recyclable);
    /** Do it; the lock is let go meanwhile, and the target at the end, as by errand_done_locked().
     *  @pre the target is held */
    void (*run_held_locked)(struct recyclable *recyclable);
    /** It cannot be done now: a load or a reload is under way or due (then RELOAD_STEP_SETTLED
     *  comes).  due_ns() says another time after this, or none. */
    void (*miss_locked)(struct recyclable *recyclable);
};

struct errands;

/** @return lives as long as the process; NULL: out of memory, and nothing is run */
struct errands *errands_new(struct recycle *recycle);
/** This worker is replaced: run none any more, and give the spares back. NULL is fine.
 *  @thread any */
void errands_dismiss(struct errands *errands);

/** Let the thread look what is due. @lock recycle->lock held  @thread any  @tstate any */
void errands_wake_locked(struct errands *errands);
/** @return whether errands_dismiss() was called, or there are none  @lock recycle->lock held */
bool errands_are_over_locked(const struct errands *errands);
/** Let the target go; the recyclable may be freed by then. @lock recycle->lock held, let go
 *  meanwhile */
void errand_done_locked(struct recyclable *recyclable);

#endif
