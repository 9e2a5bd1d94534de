#include "fcgi_host/config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/identity.h"
#include "fcgi_host/config/options.h"

const struct app_config *config_find_app(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->app_count; i++) {
        if (strcmp(config->apps[i].name, name) == 0) {
            return &config->apps[i];
        }
    }
    return NULL;
}

struct process_config *config_find_process(const struct config *config, const char *name) {
    for (size_t i = 0; i < config->process_count; i++) {
        if (strcmp(config->processes[i].name, name) == 0) {
            return &config->processes[i];
        }
    }
    return NULL;
}

bool config_has_one_application(const struct config *config) {
    size_t scripts = config->scripts_in_main.count;
    return config->app_count + scripts == 1 && (scripts == 1 || !config->scripts_root);
}

const char *config_preload(const struct config *part) {
    /* The shared group has no keys of its own; its application has those of the group that it may
     * be moved to. */
    return part->process.preload ? part->process.preload : part->apps[0].own.preload;
}

static bool is_root(const struct process_config *process) {
    return process->identity ? process->identity->uid == 0 : geteuid() == 0;
}

/** @return whether it serves something: scripts, or what has no process of its own */
static bool has_shared_process(const struct config *config) {
    bool has = config->scripts_root;
    for (size_t i = 0; i < config->app_count; i++) {
        has |= strcmp(config->apps[i].process, CONFIG_PROCESS_AUTO) == 0;
    }
    return has;
}

const char *config_find_root(const struct config *config,
                             const struct process_config **ret_process) {
    if (has_shared_process(config) && is_root(&config->process)) {
        *ret_process = &config->process;
        return CONFIG_PROCESS_SHARED;
    }
    for (size_t i = 0; i < config->process_count; i++) {
        if (is_root(&config->processes[i])) {
            *ret_process = &config->processes[i];
            return config->processes[i].name;
        }
    }
    for (size_t i = 0; i < config->app_count; i++) {
        const struct app_config *app = &config->apps[i];
        if (!config_find_process(config, app->process) && is_root(&app->own)) {
            *ret_process = &app->own;
            return app->name;
        }
    }
    return NULL;
}

void config_free(struct config *config) {
    if (!config) {
        return;
    }
    if (config->references > 0) {
        config->references--;
        return;
    }
    if (config->site) { /* everything else is the site's */
        config_free(config->site);
        string_list_clear(&config->scripts_in_main);
        free(config->apps);
        free(config);
        return;
    }
    for (size_t i = 0; i < config->process_count; i++) {
        free(config->processes[i].name);
        identity_free(config->processes[i].identity);
        options_clear_process(&config->processes[i]);
    }
    free(config->processes);
    for (size_t i = 0; i < config->app_count; i++) {
        free(config->apps[i].name);
        identity_free(config->apps[i].own.identity);
        options_clear_app(&config->apps[i]);
    }
    free(config->apps);
    for (size_t i = 0; i < config->task_count; i++) {
        free(config->tasks[i].name);
        options_clear_task(&config->tasks[i]);
    }
    free(config->tasks);
    options_clear_app(&config->script_defaults);
    options_clear(config);
    identity_free(config->process.identity);
    free(config->file);
    free(config);
}

static int add_target(struct string_list *targets, const char *name) {
    return string_list_has(targets, name) ? 0 : string_list_add(targets, strdup(name));
}

int config_add_log_targets(const struct config *config, struct string_list *targets) {
    bool has_access_log = strcmp(config->access_log, CONFIG_ACCESS_LOG_OFF) != 0 &&
                          strcmp(config->access_log, CONFIG_ACCESS_LOG_SYSLOG) != 0;
    if (add_target(targets, config->log) != 0 ||
        (has_access_log && add_target(targets, config->access_log) != 0)) {
        return -1;
    }
    for (size_t i = 0; i < config->app_count; i++) {
        const char *log = config->apps[i].log;
        if (log && add_target(targets, log) != 0) {
            return -1;
        }
    }
    return 0;
}
