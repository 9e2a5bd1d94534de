#include "fcgi_host/config/view.h"

#include <stdlib.h>

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
    if (!part->has_scripts) {
        view->scripts_root = NULL;
    }
    if (part->process) {
        view->workers = part->process->workers;
        view->idle_timeout_s = part->process->idle_timeout_s;
        view->max_age_s = part->process->max_age_s;
        view->max_requests = part->process->max_requests;
        if (part->process->max_rss_mb > 0) {
            view->max_rss_mb = part->process->max_rss_mb;
        }
    }
    return view;
}

const struct config *config_site(const struct config *config) {
    return config->site ? config->site : config;
}
