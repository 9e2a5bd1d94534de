/**
 * The queue of one application: jobs that wait, and the serving threads that wait for jobs.
 *
 * A queue outlives generations.  The threads that serve at a time are its *crew*; queue_set_crew()
 * replaces them, and those of the crew before leave after the job in hand.
 *
 * A serving thread is busy (has a job), idle (asleep), or *in line*: woken, but not yet attached
 * to its interpreter.  At most one thread is in line, because only one can hold the GIL; others
 * would only compete for it.  Two rules keep a job from being forgotten:
 *
 *   1. Whenever the lock is free: if a job waits, a thread is idle and the gate is open, then a
 *      thread is in line, or some thread is between pool_batch_begin() and pool_batch_end() and
 *      will bring one into line.  Every function that could break this rule ends with
 *      next_in_line_locked().
 *   2. A thread in line either attaches, and leaves the line by queue_first(), or finds nothing to
 *      do, and leaves it by going back to sleep; both under the lock, and the first brings the
 *      next one into line.
 *
 * The thread that went to sleep last is woken first: its caches are warm, and the others sleep on.
 *
 * A thread of the crew may be *postponed*: it is started when it is needed.  A thread that takes a
 * job and leaves no idle thread behind starts a postponed one first, which takes the next job.
 *
 * Needs no Python.
 * @thread any, unless said; the lock is the queue's own, innermost of all (docs/ARCHITECTURE.md)
 * @tstate any: nothing here waits for a lock that is held for long, but queue_wait() blocks
 */
#ifndef POOL_QUEUE_H
#define POOL_QUEUE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "pool/base/error.h"
#include "pool/base/job.h"

struct queue;

/** A serving thread as the queue sees it.  Memory: the generation's. */
struct queue_thread {
    struct queue *queue;
    struct queue_thread *next_idle; /**< or next of the postponed */
    sem_t wake;                     /**< posted once for each time it is woken */
    /** After queue_first() and queue_next(): the thread to start before the job is run, or NULL. */
    struct queue_thread *to_start;
    bool is_uncounted; /**< its job does not count as one that ran; the thread's own */
    /* Guarded by the queue's lock: */
    bool is_woken;     /**< a post has come or is about to */
    bool is_dismissed; /**< takes no more jobs */
    bool is_busy;      /**< has a job */
    bool is_given_up;  /**< its job is no longer counted as in flight */
    bool is_postponed; /**< has no thread yet */
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t drained; /**< nothing waits and nothing runs any more */
    struct job *head, **tail;
    unsigned queued;
    unsigned threads, limit;
    unsigned gate;              /**< closed while > 0 */
    enum error_code refusing;   /**< ERR_NONE, or what queue_push() answers */
    struct queue_thread **crew; /**< the threads that serve; NULL: none does */
    size_t crew_count;
    struct queue_thread *idle;      /**< the crew's, last to sleep first */
    struct queue_thread *in_line;   /**< the crew's */
    struct queue_thread *postponed; /**< the crew's, in their order */
    unsigned busy;                  /**< of the crew */
    unsigned in_flight;             /**< of any crew */
    uint64_t finished, rejected;
    uint64_t uncounted; /**< of `finished` */
};

/** @return 0, or an errno */
int queue_init(struct queue *queue, unsigned threads, unsigned limit);
/** @pre no job waits, no thread serves */
void queue_destroy(struct queue *queue);

/**
 * Append a job and, with `wake`, see that a thread comes for it.
 * @return ERR_NONE; ERR_BUSY (`threads + limit` jobs are in hand or waiting), or the code given
 *         to queue_refuse(): the job is still the caller's
 */
enum error_code queue_push(struct queue *queue, struct job *job, bool wake);
/** Wake a thread for what queue_push() without `wake` has appended. */
void queue_wake(struct queue *queue);

/**
 * From now on answer queue_push() with `code` (ERR_NONE: take jobs).
 * @return the jobs that waited, when `code` is not ERR_NONE and `take`; else NULL. The caller
 *         abandons them.
 */
struct job *queue_refuse(struct queue *queue, enum error_code code, bool take);

/** Take out the jobs that wait, in their order: no thread has begun with them. */
struct job *queue_take_waiting(struct queue *queue);

/** While closed, jobs wait and none starts.  Nests. */
void queue_gate_close(struct queue *queue);
void queue_gate_open(struct queue *queue);

/**
 * Let these threads serve, and dismiss the crew before.
 * @param crew  `count` threads, asleep or about to be; the first is woken first.  The array must
 *              outlive its time as the crew.  NULL: no thread serves
 */
void queue_set_crew(struct queue *queue, struct queue_thread **crew, size_t count);

/** queue_set_crew(queue, NULL, 0), if it is this crew that serves. */
void queue_clear_crew(struct queue *queue, struct queue_thread **crew);

/** Wait until nothing waits or runs, or until `deadline` (CLOCK_MONOTONIC). @return whether so */
bool queue_wait_drained(struct queue *queue, const struct timespec *deadline);

/** A consistent copy of the queue's counters. */
struct queue_counts {
    uint64_t finished, rejected; /**< jobs that have ended and count; ERR_BUSY answers */
    unsigned in_flight, queued;
};
struct queue_counts queue_counts(struct queue *queue);

/* ---- Called by the serving threads ---- */

/** @return 0, or an errno */
int queue_thread_init(struct queue_thread *thread, struct queue *queue);
void queue_thread_destroy(struct queue_thread *thread);
/** Its thread is not started yet, or could not be started. */
void queue_thread_postpone(struct queue_thread *thread);
/** Its thread has been started: serve with the crew that it was postponed in. */
void queue_thread_join(struct queue_thread *thread);
/** Dismiss a thread that is in no crew.  One that was dismissed already stays so. */
void queue_thread_dismiss(struct queue_thread *thread);
bool queue_thread_is_busy(struct queue_thread *thread);
/** The thread does not come back from its job: do not count the job as in flight any more. */
void queue_thread_give_up(struct queue_thread *thread);
bool queue_thread_is_given_up(struct queue_thread *thread);

/**
 * Sleep until there is something to do.
 * @return true: in line, attach and call queue_first(); false: dismissed
 * @tstate none: it blocks
 */
bool queue_wait(struct queue_thread *thread);
/** How many jobs have ended. */
uint64_t queue_finished(struct queue_thread *thread);
/**
 * Whether the thread in line, which has attached by interrupting another one, should let that one
 * go on.  It should when jobs have ended since `finished`: the other thread is quick, and does what
 * waits as well.
 */
bool queue_gives_way(struct queue_thread *thread, uint64_t finished);
/** Attached after queue_wait(): leave the line, take a job. @return NULL: none left, asleep */
struct job *queue_first(struct queue_thread *thread);
/** The job is done: take the next. @return NULL: none waits, asleep (or dismissed) */
struct job *queue_next(struct queue_thread *thread);

#endif
