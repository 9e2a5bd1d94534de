/**
 * A worker's part in keeping pages in browsers fresh (`live = on`): what ties the applications
 * (app/live.h), their responses (wsgi.h) and the streams (live_streams.h) together.
 *
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_LIVE_PAGES_H
#define FCGI_HOST_WORKER_LIVE_PAGES_H

#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/worker/live_streams.h"

/** Before anything is loaded.  Of an application that another process group answers for still
 *  nothing is told before live_release(). */
void live_pages_start(const struct worker_start *start);
/** The worker serves from now on. @return 0, or -1: ERR_SYSTEM, ERR_MEMORY  @thread intake */
int live_pages_serve(struct live_streams *streams, struct intake *intake, struct error *err);
/** A reload is asked for. @param names  one a line; "": all */
void live_pages_expect(const struct applications *applications, const char *names);
/** The worker that was to come, or to have an application, is not to serve: pages show what it has
 * failed to load. */
void live_pages_show_failures(const struct applications *applications);

#endif
