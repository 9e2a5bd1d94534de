#include "fcgi_host/config/config.h"

#include <stdlib.h>
#include <string.h>

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
        free(config->apps);
        free(config);
        return;
    }
    for (size_t i = 0; i < config->process_count; i++) {
        free(config->processes[i].name);
        options_clear_process(&config->processes[i]);
    }
    free(config->processes);
    for (size_t i = 0; i < config->app_count; i++) {
        free(config->apps[i].name);
        options_clear_app(&config->apps[i]);
    }
    free(config->apps);
    options_clear_app(&config->script_defaults);
    options_clear(config);
    free(config->file);
    free(config);
}
