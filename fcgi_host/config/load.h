/**
 * A configuration from the command line and the file that it names: defaults, the file's keys,
 * the command line over them, then what must hold between keys.
 *
 * @thread one at a time (getopt(3))
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_LOAD_H
#define FCGI_HOST_CONFIG_LOAD_H

#include "fcgi_host/config/config.h"
#include "pool/base/error.h"

/**
 * Read the command line, and the configuration file if it names one.
 * @return 0, or -1 with ERR_USAGE: the text names file:line and key
 * @owns the caller: config_free()
 */
int config_load(int argc, char **argv, struct command_line *ret_line, struct config **ret_config,
                struct error *err);

#endif
