#include "fcgi_host/config/view.h"

#include <stdlib.h>
#include <string.h>

/** What a group sets itself, over [fcgi_host]'s. */
static void join(struct process_config *to, const struct process_config *own) {
    struct resource_limits limits = to->rlimits;
    for (size_t i = 0; i < RESOURCE_LIMIT_COUNT; i++) {
        if (own->rlimits.items[i].is_set) {
            limits.items[i] = own->rlimits.items[i];
        }
    }
    *to = (struct process_config){

        .umask = own->umask.is_set ? own->umask : to->umask,
        .nice = own->nice.is_set ? own->nice : to->nice,
        .chdir = own->chdir ? own->chdir : to->chdir,
        .rlimits = limits,
        .env = own->env,
        .identity = own->identity,
        .preload = own->preload,
    };
}

struct config *config_view(struct config *site, const struct config_part *part, struct error *err) {
    struct config *view = malloc(sizeof *view);
    struct app_config *apps = calloc(part->app_count + 1, sizeof *apps);
    if (!view || !apps) {
        free(view);
        free(apps);
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *view = *site;
    view->site = site;
    view->references = 0;
    site->references++;
    view->apps = apps;
    view->app_count = part->app_count;
    for (size_t i = 0; i < part->app_count; i++) {
        apps[i] = site->apps[part->apps[i]];
        if (part->is_in_main) {
            apps[i].interpreter =
                (char *)CONFIG_MAIN_INTERPRETER; /* nobody frees it: config_free() */
            apps[i].gil_own = false;
        }
    }
    for (size_t i = 0; i < part->script_count; i++) {
        if (string_list_add(&view->scripts_in_main, strdup(part->scripts_in_main[i]))) {
            config_free(view);
            error_set(err, ERR_MEMORY, "out of memory");
            return NULL;
        }
    }
    if (!part->has_scripts && part->script_count == 0) {
        view->scripts_root = NULL;
    }
    if (part->app_count == 0 && part->script_count > 0) {
        view->workers = (struct worker_range){1, 1};
    }
    view->process.preload = NULL; /* of the shared group: config_preload() */
    if (part->process) {
        view->workers = part->process->workers;
        view->idle_timeout_s = part->process->idle_timeout_s;
        view->max_age_s = part->process->max_age_s;
        view->max_requests = part->process->max_requests;
        if (part->process->max_rss_mb > 0) {
            view->max_rss_mb = part->process->max_rss_mb;
        }
        join(&view->process, part->process);
    }
    return view;
}

const struct config *config_site(const struct config *config) {
    return config->site ? config->site : config;
}
