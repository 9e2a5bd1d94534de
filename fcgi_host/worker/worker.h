/**
 * A worker process: one Python, the pool, the intake thread.  Forked by the supervisor, which never
 * starts Python.
 */
#ifndef FCGI_HOST_WORKER_WORKER_H
#define FCGI_HOST_WORKER_WORKER_H

#include "fcgi_host/link/worker_start.h"

/**
 * Load every application, tell the supervisor, serve until told to stop; the calling thread
 * becomes the intake thread.
 * @return the process's exit status: 0 stopped as asked, 1 could not start (logged)
 */
int worker_run(const struct worker_start *start);

#endif
