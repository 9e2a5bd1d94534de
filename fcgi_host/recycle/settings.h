/**
 * The reload settings of an interpreter: all its applications are reloaded together, so their
 * settings are joined.
 *
 * Pure.
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_RECYCLE_SETTINGS_H
#define FCGI_HOST_RECYCLE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/string_list.h"

struct app_config;

struct settings {
    char *base;                /**< folder of the first application's WSGI file */
    struct string_list files;  /**< the WSGI files; the strings are the configurations' */
    struct string_list watch;  /**< absolute patterns; malloc'ed strings */
    struct string_list ignore; /**< patterns; the strings are the configurations' */
    unsigned debounce_ms, drain_timeout_s; /**< the longest of all */
    unsigned single_ms; /**< debounce_ms of a single file: the longest that is set, else short */
    bool is_watched;    /**< no application says `reload = off` */
};

/**
 * Join the settings of these applications.  A relative `watch` pattern starts at the folder of its
 * own application's WSGI file.
 * @param[out] ret_settings  filled also on failure, as far as it went
 * @return 0, or -1: out of memory
 * @owns the caller: settings_free(), also on failure.  The configurations must outlive it.
 */
int settings_join(const struct app_config *const *configs, size_t count,
                  struct settings *ret_settings);
void settings_free(struct settings *settings);

#endif
