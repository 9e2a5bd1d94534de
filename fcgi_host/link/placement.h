/**
 * What the supervisor has learnt of applications, and applies in the workers it starts:
 *
 *   - an interpreter that must be the main one, because an extension refuses sub-interpreters;
 *   - an application that killed its worker while loading.  The first time it is tried again, in
 *     the main interpreter (some extensions crash in a sub-interpreter); the second time, or if it
 *     was there already, it is marked failed and not loaded until a reload asks for it.  That it
 *     belongs there is a guess, which is forgotten when its files change.
 *     SIGKILL says little of the application (an operator, a lack of memory): it takes three.
 *
 * Pure: no I/O.
 * @thread the supervisor's; a worker reads the copy that fork() gave it
 * @tstate none
 */
#ifndef FCGI_HOST_LINK_PLACEMENT_H
#define FCGI_HOST_LINK_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/error.h"

struct placement;

/** What to do with an application after it killed a worker. */
enum placement_verdict { PLACEMENT_RETRY, PLACEMENT_MOVED, PLACEMENT_FAILED };

/** @return NULL when out of memory @owns the caller */
struct placement *placement_new(void);
void placement_free(struct placement *placement);

/** Why this interpreter must be the main one, or NULL: it need not. */
const char *placement_main_reason(const struct placement *placement, const char *interpreter);
/** @return 1 it was not there yet, 0 it was, -1 ERR_MEMORY */
int placement_move_to_main(struct placement *placement, const char *interpreter, const char *why,
                           struct error *err);
/** The interpreters in the main one, in the order they were moved. @return NULL past the last */
const char *placement_moved(const struct placement *placement, size_t index);

/**
 * `app`, which lives in `interpreter`, was being loaded when its worker died.
 * @param why        for log and status
 * @param was_killed SIGKILL
 * @param is_main    its interpreter is the main one, or cannot be moved there
 */
enum placement_verdict placement_crashed(struct placement *placement, const char *app,
                                         const char *interpreter, bool is_main, const char *why,
                                         bool was_killed);
/** Why this application is not to be loaded, or NULL. */
const char *placement_failed_reason(const struct placement *placement, const char *app);
/** @return whether any application is not to be loaded */
bool placement_has_failed(const struct placement *placement);
/** An application has loaded: its earlier crashes are forgotten. */
void placement_loaded(struct placement *placement, const char *app);
/**
 * The code of an application (NULL: any of those in the main interpreter) has changed: one that was
 * moved there because it had crashed is tried in its own interpreter again.
 */
void placement_forget_guesses(struct placement *placement, const char *app);
/** Try a failed application again (NULL: all of them); its code may have changed, too. */
void placement_retry(struct placement *placement, const char *app);
/** Forget everything: the configuration has changed. */
void placement_clear(struct placement *placement);

#endif
