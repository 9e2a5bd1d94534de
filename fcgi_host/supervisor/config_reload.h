/**
 * SIGHUP: the configuration is read again, and every worker is replaced under it.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_CONFIG_RELOAD_H
#define FCGI_HOST_SUPERVISOR_CONFIG_RELOAD_H

#include "fcgi_host/supervisor/groups.h"

/** Make what workers need to keep pages in browsers fresh, if they are to (link/live_board.h):
 *  before any worker of this configuration is started. */
void config_open_live(const struct config *config);

/**
 * Read the configuration and queue the replacement; systemd is told when it begins and ends.  A
 * configuration that cannot be read, or under which a worker does not load, is logged and dropped.
 * @param argc, argv  as given to main()
 */
void config_reload(struct groups *groups, int argc, char **argv);

#endif
