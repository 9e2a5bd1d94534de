/**
 * The template of a process group: a process that has started Python and imported libraries, serves
 * nothing, and has workers as children, which have then only their application's own modules to
 * import, and share the memory of the libraries.
 *
 * It has one thread, which runs Python only to import, before each fork() and after it.  A child is
 * handed to the supervisor (PR_SET_CHILD_SUBREAPER of prctl(2)), and is a worker like any other
 * from there on: worker_run().
 */
#ifndef FCGI_HOST_WORKER_TEMPLATE_H
#define FCGI_HOST_WORKER_TEMPLATE_H

#include "fcgi_host/link/worker_start.h"

/**
 * Import, tell the supervisor, fork as it orders, until it closes the socket of the orders.
 * @return the process's exit status, of a worker that was forked here, too
 * @thread the process's first, alone in it  @tstate none
 */
int template_run(const struct template_start *start);

#endif
