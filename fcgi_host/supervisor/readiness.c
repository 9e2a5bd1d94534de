#include "fcgi_host/supervisor/readiness.h"

#include <stdio.h>
#include <string.h>

#include "fcgi_host/supervisor/worker_process.h"

enum app_state { APP_READY, APP_LOADING, APP_FAILED };

static enum app_state state_of(const struct groups *groups, const char *app) {
    const struct fleet *fleet = groups_fleet_of(groups, app);
    enum app_state state = APP_LOADING;
    if (fleet && fleet_is_asleep(fleet)) {
        return APP_READY;
    }
    for (const struct worker_process *process = fleet ? fleet_processes(fleet) : NULL; process;
         process = process->next) {
        if (process->state == PROCESS_SERVING && worker_process_has_loaded(process, app)) {
            return APP_READY;
        }
        if (process->state == PROCESS_SERVING && worker_process_has_failed(process, app)) {
            state = APP_FAILED;
        }
    }
    return state;
}

/** A list of names with what they have in common: "loading: a, b". */
struct list {
    const char *head;
    char text[256];
};

static void list_add(struct list *list, const char *name) {
    size_t used = strlen(list->text);
    snprintf(list->text + used, sizeof list->text - used, "%s%s", used ? ", " : "", name);
}

enum readiness readiness_of(const struct groups *groups, bool is_drained, const char *app,
                            char *ret_why, size_t why_bytes) {
    const struct config *config = groups_config(groups);
    struct list lists[] = {[APP_LOADING] = {"loading", ""}, [APP_FAILED] = {"failed", ""}};
    if (*app && !config_find_app(config, app)) {
        snprintf(ret_why, why_bytes, "no application: %s", app);
        return READINESS_UNKNOWN;
    }
    if (is_drained || groups_are_stopping(groups)) {
        snprintf(ret_why, why_bytes, "draining");
        return READINESS_NOT_READY;
    }
    for (size_t i = 0; i < config->app_count; i++) {
        const char *name = config->apps[i].name;
        enum app_state state = *app && strcmp(app, name) != 0 ? APP_READY : state_of(groups, name);
        if (state != APP_READY) {
            list_add(&lists[state], name);
        }
    }
    const struct list *worst = *lists[APP_FAILED].text ? &lists[APP_FAILED] : &lists[APP_LOADING];
    if (!*worst->text) {
        snprintf(ret_why, why_bytes, "ready");
        return READINESS_READY;
    }
    snprintf(ret_why, why_bytes, "%s: %s", worst->head, worst->text);
    return READINESS_NOT_READY;
}
