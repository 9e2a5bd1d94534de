/**
 * The application's own modules that requests have imported: an application may import most of
 * itself at the first request (Django: URLconf and views), so a new generation has loaded without a
 * look at them.  What has changed of them is imported before the new generation serves, so that a
 * broken edit is kept out (fcgi_host/wsgi/application_modules.py).
 *
 * @thread any that the pool may block  @tstate none: both attach by pool_run()
 */
#ifndef FCGI_HOST_RECYCLE_LATE_MODULES_H
#define FCGI_HOST_RECYCLE_LATE_MODULES_H

#include "fcgi_host/wsgi/wsgi.h"
#include "pool/pool.h"

/** What a generation has loaded until now. @param[out] ret_modules  free(ret_modules->bytes)
 *  @return 0, or -1: ERR_PYTHON, or as pool_run() */
int late_modules_describe(struct generation *serving, struct wsgi_modules *ret_modules,
                          struct error *err);

/** Import into a built generation what another one, of this process or another, had imported and
 *  what has changed since.
 *  @param modules  of that one; copied  @return 0, or -1: ERR_MEMORY, or as pool_run_timed() */
int late_modules_import(struct generation *next, const struct wsgi_modules *modules,
                        unsigned timeout_ms, struct error *err);

#endif
