/**
 * A rehearsal that the host makes by itself: an audit of one application, with its `check` as the
 * page to ask for.
 *
 * @thread the process's only one (it forks)  @tstate none; Python must not have been started
 */
#ifndef FCGI_HOST_COMMANDS_REHEARSE_H
#define FCGI_HOST_COMMANDS_REHEARSE_H

#include "fcgi_host/link/rehearsal.h"

/** A rehearse_function. */
void rehearse_application(const struct app_config *app, struct rehearsal_report *ret_report);

#endif
