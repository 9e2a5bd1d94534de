/**
 * `python.NAME` of the configuration: what Python finds in its environment and on its command line
 * while it starts, and nobody afterwards.
 *
 * Life cycle: 1. python_settings_apply(); 2. Python starts; 3. python_settings_withdraw().
 * Follows: CPython's documentation, "Command line and environment".
 * @thread the process's first  @tstate none
 */
#ifndef FCGI_HOST_WORKER_PYTHON_SETTINGS_H
#define FCGI_HOST_WORKER_PYTHON_SETTINGS_H

#include "fcgi_host/config/config.h"

struct python_settings {
    char **variables;     /**< "PYTHONNAME", those that were set, NULL-ended */
    char **before;        /**< their values before, in the same order; NULL: it was not there */
    char **x_options;     /**< NULL-ended */
    char *x_options_text; /**< what these point into */
};

/** @return 0, or -1: ERR_MEMORY; withdraw them all the same  @owns the caller, by withdrawing */
int python_settings_apply(const struct config *config, struct python_settings *ret_settings,
                          struct error *err);
void python_settings_withdraw(struct python_settings *settings);

#endif
