#include "fcgi_host/supervisor/log_files.h"

#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_target.h"
#include "fcgi_host/supervisor/template.h"

static int open_all(const struct config *config, struct error *err) {
    struct string_list names = {0};
    int rc = config_add_log_targets(config, &names) != 0
                 ? error_set(err, ERR_MEMORY, "out of memory")
                 : 0;
    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        rc = log_target_open(names.items[i], err) ? 0 : -1;
    }
    string_list_clear(&names);
    return rc;
}

int log_files_open(const struct config *config, struct error *err) {
    log_set_format(config->log_format);
    if (open_all(config, err) != 0 || log_open(config->log, config->log_level, err) != 0) {
        return -1;
    }
    log_routes_clear();
    for (size_t i = 0; i < config->app_count; i++) {
        const struct app_config *app = &config->apps[i];
        enum log_level least =
            app->log_level.is_set ? (enum log_level)app->log_level.value : config->log_level;
        bool differs = app->log || app->log_level.is_set;
        if (differs && log_route(app->name, app->log, least, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- Again ---- */

/** The files among them that are open here. */
static void pass_on(const struct string_list *names,
                    void (*pass)(void *to, const char *name, int fd), void *to) {
    for (size_t i = 0; i < names->count; i++) {
        const struct log_target *target = log_target_find(names->items[i]);
        if (target && log_target_fd(target) > STDERR_FILENO) {
            pass(to, names->items[i], log_target_fd(target));
        }
    }
}

static void pass_to_worker(void *to, const char *name, int fd) {
    const struct worker_process *process = to;
    channel_tell(&process->end,
                 &(struct channel_outgoing){.type = CHANNEL_LOG_REOPEN, .name = name, .fd = &fd});
}

static void pass_to_template(void *to, const char *name, int fd) {
    template_use_log(to, name, fd);
}

static void pass_to_templates(const struct groups *groups) {
    struct fleet *fleet = NULL;
    while ((fleet = groups_next_fleet(groups, fleet))) {
        struct string_list names = {0};
        if (fleet_template(fleet) && config_add_log_targets(fleet_part(fleet), &names) == 0) {
            pass_on(&names, pass_to_template, fleet_template(fleet));
        }
        string_list_clear(&names);
    }
}

/** Whether it is not only of an earlier configuration. */
static bool is_used(const struct groups *groups, const char *name) {
    struct string_list names = {0};
    bool is_used =
        config_add_log_targets(groups_config(groups), &names) != 0 || string_list_has(&names, name);
    string_list_clear(&names);
    for (struct worker_process *process = groups_next_process(groups, NULL); process && !is_used;
         process = groups_next_process(groups, process)) {
        is_used = string_list_has(&process->logs, name);
    }
    return is_used;
}

void log_files_reopen(const struct groups *groups) {
    for (struct log_target *target = log_target_next(NULL); target;
         target = log_target_next(target)) {
        struct error err;
        if (is_used(groups, log_target_name(target)) && log_target_reopen(target, &err) != 0) {
            log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
        }
    }
    for (struct worker_process *process = groups_next_process(groups, NULL); process;
         process = groups_next_process(groups, process)) {
        pass_on(&process->logs, pass_to_worker, process);
    }
    pass_to_templates(groups);
}
