/**
 * The part of a configuration that one process group serves: a struct config with the group's
 * applications, its number of workers and its limits, in place of the whole site's.
 *
 * A part refers to the whole (`site`), which lives as long as its parts.
 *
 * @thread one at a time (references are counted without a lock)
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_VIEW_H
#define FCGI_HOST_CONFIG_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/config/config.h"

/** What a process group is made of. */
struct config_part {
    const struct process_config
        *process;       /**< NULL: of the shared group or of scripts, as [fcgi_host] says */
    const size_t *apps; /**< places in site->apps, ascending */
    size_t app_count;
    bool has_scripts;
    /** Scripts that have the main interpreter of the group. */
    const char *const *scripts_in_main;
    size_t script_count;
    /** The only interpreter is the main one: an application is alone in its process. */
    bool is_in_main;
};

/**
 * @param site  a whole configuration; gets another reference
 * @return the part, with config_free(); NULL: ERR_MEMORY
 */
struct config *config_view(struct config *site, const struct config_part *part, struct error *err);

/** @return the whole configuration of a part, or of itself */
const struct config *config_site(const struct config *config);

#endif
