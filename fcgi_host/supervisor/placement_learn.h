/**
 * Where what was learnt of applications is kept, of which applications an entry is, and learning
 * without a host: for the next one that starts.
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_PLACEMENT_LEARN_H
#define FCGI_HOST_SUPERVISOR_PLACEMENT_LEARN_H

#include "fcgi_host/config/config.h"
#include "fcgi_host/supervisor/placement_memory.h"

/** @return the folder to keep things in, malloc'ed; NULL: none is configured, or out of memory */
char *placement_folder(const struct config *site);

/** @return whether an application is in this interpreter of this process, both as configured */
bool placement_is_in(const struct app_config *app, const char *process, const char *interpreter);

/** @param[out] ret_place  borrows its texts: placement_place_clear().
 *  @return whether it has applications */
bool placement_find_place(const struct config *site, const char *process, const char *interpreter,
                          struct learnt_place *ret_place);
void placement_place_clear(struct learnt_place *place);

/**
 * Keep an entry about the applications of an application's interpreter.
 * @param learnt  verdict, file, why, is_at_load
 * @param python  the version it holds for
 * @param[out] ret_folder  where, malloc'ed; set only on success
 * @return 0, or -1: ERR_NOT_FOUND (nothing is kept with this configuration), ERR_USAGE (the folder
 *         is another user's), ERR_SYSTEM, ERR_MEMORY
 */
int placement_learn(const struct config *site, const struct app_config *app,
                    const struct learnt *learnt, const char *python, char **ret_folder,
                    struct error *err);

#endif
