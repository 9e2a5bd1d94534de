/**
 * The scripts below [scripts] root: each is an application with an interpreter of its own, made on
 * the first request for the script, while requests for it queue.
 *
 * At most max_interpreters interpreters live at a time, those of [app] sections included.  When
 * there is no room for one more, the script that was idle longest is evicted; when none is idle,
 * the answer is 503.  A script that did not load is tried again when its file has changed.
 *
 * @thread intake; interpreters are built and ended on threads made for that
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_SCRIPTS_H
#define FCGI_HOST_WORKER_SCRIPTS_H

#include <stdbool.h>

struct application;
struct config;
struct error;
struct limits;
struct loader;
struct placement;
struct pool;
struct request;
struct scripts;
struct slowdown;

/** All valid as long as the process. */
struct scripts_options {
    const struct config *config;
    const struct placement *placement;
    const struct slowdown *slowdown;
    struct pool *pool;
    const struct loader *loader;
    struct limits *limits;
};

/** @return NULL: ERR_MEMORY @owns lives as long as the process */
struct scripts *scripts_new(const struct scripts_options *options, struct error *err);

/**
 * A script that lives in the main interpreter and is never evicted; the caller puts it there.
 * Before the first scripts_submit(), once for each path.
 * @param scripts  NULL: there are no scripts, an error
 * @return the application, or NULL: ERR_MEMORY, ERR_NOT_FOUND
 */
struct application *scripts_add_fixed(struct scripts *scripts, const char *path, struct error *err);

/** @return whether a script has been made @param scripts  NULL: there are no scripts */
bool scripts_have(struct scripts *scripts, const char *path);
/** @return its requests that wait, as by pool_take_waiting(); NULL: none
 *  @param scripts  not NULL */
struct job *scripts_take_waiting(struct scripts *scripts, const char *path);
/** A script is another process group's from now on: no request comes for it any more, and its
 *  interpreter is ended. @param scripts  NULL: there are no scripts */
void scripts_leave(struct scripts *scripts, const char *path);

/** The scripts may have as many interpreters as max_interpreters allows beside these. */
void scripts_leave_room(struct scripts *scripts, unsigned interpreters);

/** Hand a request over to a script, which is made if need be, or answer it here.
 *  @param path  the script's real path; copied  @owns the request passes on */
void scripts_submit(struct scripts *scripts, const char *path, struct request *request);

/** Call `each` with every script there is. @param scripts  NULL: there are none */
void scripts_each(struct scripts *scripts, void (*each)(void *ctx, struct application *application),
                  void *ctx);

#endif
