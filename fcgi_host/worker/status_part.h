/**
 * A worker's part of the status: one object of "workers" in the document.
 *
 * The document that is made of these parts (status_round.h) is the one model of the status; the
 * table, the page and the metrics read it (table.h, page.h, metrics.h).
 */
#ifndef FCGI_HOST_WORKER_STATUS_PART_H
#define FCGI_HOST_WORKER_STATUS_PART_H

#include <stddef.h>
#include <stdint.h>

struct worker;

/** @return JSON, malloc'ed, or NULL: out of memory @thread intake @tstate none */
char *status_worker_part(struct worker *worker);

#endif
