/**
 * The table of all options (options.def), and what is done with it: find a key, set a field,
 * apply the defaults, write a section, free.
 *
 * @thread any, on structs of the caller's
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_OPTIONS_H
#define FCGI_HOST_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/config/option_kinds.h"
#include "pool/base/error.h"

enum option_scope {
    SCOPE_HOST,
    SCOPE_APP,
    SCOPE_BOTH,
    SCOPE_SCRIPTS,
    SCOPE_TASK,
    SCOPE_PROCESS,
    SCOPE_GROUP,
    SCOPE_GROUP_ENV,
    SCOPE_SECTION,
};

/** The kinds of section in the file. */
enum option_section { SECTION_HOST, SECTION_PROCESS, SECTION_APP, SECTION_TASK, SECTION_SCRIPTS };

struct config_option {
    enum option_scope scope;
    const char *key;
    /** In struct app_config (SCOPE_APP, SCOPE_BOTH), task_config (SCOPE_TASK), process_config
     *  (SCOPE_PROCESS and later) or config. */
    size_t offset;
    const struct option_kind *kind;
    unsigned least, most;
    const char *default_text; /**< NULL: none */
    int letter;               /**< 0: none */
    const char *flag;         /**< NULL: not on the command line */
    const char *argument;     /**< NULL: the flag takes none (it sets "on") */
    const char *explanation;
};

enum {
#define OPTION(...) +1
    OPTION_COUNT =
#include "fcgi_host/config/options.def"
#undef OPTION
};

extern const struct config_option options[OPTION_COUNT];

bool option_in_section(const struct config_option *option, enum option_section section);

/**
 * @param[out] ret_name  for a key "env.NAME": points at NAME within `key`; else NULL
 * @return the option with that key in that kind of section, or NULL
 */
const struct config_option *option_find(enum option_section section, const char *key,
                                        const char **ret_name);

/** What a section sets; NULL: no field of that kind of struct. */
struct option_target {
    struct config *config;
    struct app_config *app;
    struct process_config *process; /**< of an application `own`, of the host `process` */
    struct task_config *task;
};

/** Its field in a section's target; NULL when the target has none. */
void *option_field(const struct config_option *option, const struct option_target *target);

/** Set every field of an application, a process group, or the host and scripts, to its default. */
int options_set_app_defaults(struct app_config *app, struct error *err);
int options_set_process_defaults(struct process_config *process, struct error *err);
int options_set_defaults(struct config *config, struct error *err);

void options_clear_app(struct app_config *app);
void options_clear_task(struct task_config *task); /**< a task has no defaults */
void options_clear_process(struct process_config *process);
void options_clear(struct config *config);

/** Write the keys of one section. */
void options_print(enum option_section section, const struct option_target *target, FILE *out);

#endif
