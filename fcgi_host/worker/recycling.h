/**
 * The reloader of a worker (recycle.h), and what it tells the supervisor.
 *
 * @thread the worker's first  @tstate none
 */
#ifndef FCGI_HOST_WORKER_RECYCLING_H
#define FCGI_HOST_WORKER_RECYCLING_H

struct worker;

/** Start it, before any application is loaded.  Where an interpreter cannot be added,
 *  loader.recycle stays NULL: files are not watched and every reload is a new worker.  That is
 *  logged, and the worker serves. */
void recycling_start(struct worker *worker);

#endif
