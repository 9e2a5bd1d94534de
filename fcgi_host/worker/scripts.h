/**
 * The scripts below [scripts] root: each an application with an interpreter of its own, made on
 * the first request for it, while requests for it queue.
 *
 * At most max_interpreters interpreters live at a time, those of [app] sections included.  When
 * one more is needed, the script that was idle longest is evicted; when none is idle, the answer is
 * 503.  A script that did not load is tried again when its file has changed.
 *
 * @thread intake, but for the building and ending of interpreters, on threads of their own
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_SCRIPTS_H
#define FCGI_HOST_WORKER_SCRIPTS_H

#include "fcgi_host/app/application.h"
#include "fcgi_host/fastcgi/request.h"
#include "pool/base/error.h"

struct worker;
struct script_pool;

/** @return NULL: ERR_MEMORY, ERR_SYSTEM. It lasts as long as the worker. */
struct script_pool *script_pool_new(struct worker *worker, struct error *err);

/**
 * A script that lives in the main interpreter and is never evicted; the caller puts it there.
 * Before anything is dispatched. @return the application, or NULL: ERR_MEMORY, ERR_NOT_FOUND
 */
struct application *script_pool_add_fixed(struct script_pool *pool, const char *path,
                                          struct error *err);

/** Hand a request over to a script. @param path  its real path; copied */
void script_pool_dispatch(struct script_pool *pool, const char *path, struct request *request);

/** Each script there is, for the status. @param each  called with it */
void script_pool_each(struct script_pool *pool,
                      void (*each)(void *ctx, struct application *application), void *ctx);

#endif
