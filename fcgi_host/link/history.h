/**
 * The last fifteen minutes of the host, in steps of ten seconds: memory that the supervisor shares
 * with all its workers, so that it outlives each of them.
 *
 * Nothing keeps time here.  A step begins with the first request that comes or ends in it; whoever
 * noted that request tells the supervisor (CHANNEL_STEP), which adds a sample of what it can see. A
 * host that is idle has no steps, and nothing wakes it.
 *
 * A request counts in the step that it ends in.  The time for which it waited counts in the steps
 * in which it waited: their sum, by the length of a step, is how many waited on average.
 *
 * A worker can write here what it likes, as it can tell the supervisor what it likes: what is read
 * is for people, and bounded in size.
 *
 * Life cycle: history_open() in the supervisor, before any worker is started; then the others.
 *
 * @thread any, of any of these processes: atomics, no lock.  A time that is noted while another
 *         thread begins the same step may be missing from it.
 * @tstate any
 */
#ifndef FCGI_HOST_LINK_HISTORY_H
#define FCGI_HOST_LINK_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pool/base/error.h"

enum { HISTORY_STEP_S = 10, HISTORY_STEPS = 90 };

/** Make the history of this process and of those that it forks; nothing when there is one.
 *  @param now_ns  CLOCK_MONOTONIC, as everywhere here: the first step
 *  @return 0, or -1: ERR_SYSTEM  @owns lives as long as the process */
int history_open(uint64_t now_ns, struct error *err);

/** A request has come. @return whether a step has begun with it; false without a history */
bool history_note_arrival(uint64_t now_ns);

/**
 * A request has ended.
 * @param total_ns  how long it took; @param queue_ns  of this, at its beginning, how long it waited
 * @return whether a step has begun with it; false without a history
 */
bool history_note_request(uint64_t now_ns, uint64_t total_ns, uint64_t queue_ns);

/** How things are now. @param waiting  requests, of all workers @param resident_bytes  of all */
void history_note_sample(uint64_t now_ns, unsigned waiting, uint64_t resident_bytes);

/** One step, as it is shown. */
struct history_step {
    uint64_t requests;       /**< that ended in it */
    double p50_ms, p99_ms;   /**< of these; 0: there were none */
    double waiting;          /**< on average, or in its sample, if those are more */
    uint64_t resident_bytes; /**< in its last sample, or the last one before it; 0: there is none */
};

/**
 * @param[out] ret_steps   the oldest first; the last one is going on
 * @param[out] ret_last_s  how long that one has been going on, in seconds
 * @return how many there are, counted from history_open(); 0: no history
 */
size_t history_read(uint64_t now_ns, struct history_step ret_steps[HISTORY_STEPS],
                    double *ret_last_s);

#endif
