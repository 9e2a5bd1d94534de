/**
 * Files of applications that were given up because they killed their workers: when a file changes,
 * the applications are tried again.  They are loaded nowhere, so no worker watches them.
 *
 * The WSGI file and its folder are watched: the module that crashed is not known.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_RETRY_WATCH_H
#define FCGI_HOST_SUPERVISOR_RETRY_WATCH_H

#include "fcgi_host/supervisor/loop.h"
#include "pool/base/error.h"

struct retry_watch;

/**
 * Make one that watches nothing.
 * @param changed  called once; nothing is watched any more then; `path` is the file that
 *                 changed
 * @return NULL: ERR_MEMORY
 */
struct retry_watch *retry_watch_new(struct loop *loop, void (*changed)(void *ctx, const char *path),
                                    void *ctx, struct error *err);
void retry_watch_free(struct retry_watch *watch);

/** Watch an application's file (absolute) and its folder. Errors: ERR_SYSTEM, ERR_BUSY (the
 *  kernel's limits), ERR_MEMORY */
int retry_watch_add(struct retry_watch *watch, const char *file, struct error *err);

/** @return whether a change of this file can mean other code: sources and extension modules do,
 *  byte code, which Python writes itself, does not. Pure. */
bool retry_watch_is_code(const char *path);

#endif
