/**
 * A configuration while it is being read: the struct config, and where each value came from, for
 * error messages and for what the command line may still set.
 *
 * Life cycle: config_builder_new(); config_file_read() and the command line set keys;
 * config_check(); config_builder_take().
 *
 * @thread one at a time
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_BUILDER_H
#define FCGI_HOST_CONFIG_BUILDER_H

#include <stdbool.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/config/options.h"
#include "pool/base/error.h"

/** Lines of the file; 0: not set there. */
struct section_origin {
    unsigned line;
    unsigned key_lines[OPTION_COUNT];
    bool is_set[OPTION_COUNT]; /**< by the file or the command line; else the default */
};

struct config_builder {
    struct config *config;
    struct section_origin host, scripts;
    struct section_origin *apps;      /**< one for each of config->apps */
    struct section_origin *processes; /**< one for each of config->processes */
    struct section_origin *tasks;     /**< one for each of config->tasks */
    bool has_scripts;
    bool skips_env_files; /**< as in struct option_place */
};

/** Where a key is set. */
struct config_place {
    enum option_section section;
    size_t index;          /**< of SECTION_APP, SECTION_PROCESS, SECTION_TASK */
    const char *directory; /**< relative paths start here */
    unsigned line;         /**< 0: the command line */
};

/** All defaults. @return NULL: ERR_MEMORY */
struct config_builder *config_builder_new(struct error *err);
void config_builder_free(struct config_builder *builder);

/** @return the finished configuration, the caller's; the builder still needs its free */
struct config *config_builder_take(struct config_builder *builder);

/** Add an application with all defaults. Errors: ERR_USAGE (bad or taken name), ERR_MEMORY */
int config_builder_add_app(struct config_builder *builder, const char *name, unsigned line,
                           struct error *err);

/** The same for a process group. */
int config_builder_add_process(struct config_builder *builder, const char *name, unsigned line,
                               struct error *err);

/** The same for a task. */
int config_builder_add_task(struct config_builder *builder, const char *name, unsigned line,
                            struct error *err);

/**
 * Set a key.  The command line may set again what the file has set.
 * @return 0, or -1: ERR_USAGE (unknown key, bad value, given twice), ERR_MEMORY; the text says
 *         what is wrong, not where
 */
int config_builder_set(struct config_builder *builder, const struct config_place *place,
                       const char *key, const char *value, struct error *err);

#endif
