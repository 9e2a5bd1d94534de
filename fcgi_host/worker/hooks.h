/**
 * The pool's hooks: those of the WSGI side, and around them what a worker must note.  The
 * scoreboard says what is being loaded, so that the supervisor can name it if the process dies.
 */
#ifndef FCGI_HOST_WORKER_HOOKS_H
#define FCGI_HOST_WORKER_HOOKS_H

struct loader;
struct pool_hooks;

/** @param loader  valid as long as the pool; its `recycle` may be set until the first load */
void hooks_fill(struct loader *loader, struct pool_hooks *ret_hooks);

#endif
