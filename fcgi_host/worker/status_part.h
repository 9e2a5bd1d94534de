/**
 * A worker's part of the status: one object of "workers" in the document.
 *
 * The document that is made of these parts (status_round.h) is the one model of the status: the
 * table, the page and the metrics read it (table.h, page.h, metrics.h).
 */
#ifndef FCGI_HOST_WORKER_STATUS_PART_H
#define FCGI_HOST_WORKER_STATUS_PART_H

#include <stdbool.h>

struct applications;
struct away;
struct intake;
struct placement;
struct pool;
struct preloaded;
struct recycle;
struct scoreboard;

/** What a worker's part is made of. */
struct status_part {
    const struct scoreboard *board;
    struct pool *pool;
    const struct applications *applications;
    const struct away *away;           /**< which of them are at home elsewhere */
    const struct placement *placement; /**< which interpreters are the main one, and why */
    const struct preloaded *preloaded;
    struct recycle *recycle; /**< NULL: no reloading in this process */
    struct intake *intake;   /**< NULL until the worker accepts */
    bool is_stopping;
};

/** @return JSON, malloc'ed, or NULL: out of memory @thread intake @tstate none */
char *status_part_write(const struct status_part *part);

#endif
