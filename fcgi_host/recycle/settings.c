#include "fcgi_host/recycle/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/config.h"
#include "reload/reloader.h"

void settings_free(struct settings *settings) {
    string_list_clear(&settings->watch);
    free(settings->files.items);
    free(settings->ignore.items);
    free(settings->base);
}

static char *folder_of(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash > file ? strndup(file, (size_t)(slash - file)) : strdup("/");
}

static char *absolute_pattern(const struct app_config *config, const char *pattern) {
    char *folder = folder_of(config->file), *path = NULL;
    if (folder && asprintf(&path, "%s%s%s", pattern[0] == '/' ? "" : folder,
                           pattern[0] == '/' ? "" : "/", pattern) < 0) {
        path = NULL;
    }
    free(folder);
    return path;
}

static int add_settings(struct settings *settings, const struct app_config *config) {
    settings->files.items[settings->files.count++] = config->file;
    for (size_t i = 0; i < config->watch.count; i++) {
        char *path = absolute_pattern(config, config->watch.items[i]);
        if (string_list_add(&settings->watch, path) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < config->ignore.count; i++) {
        settings->ignore.items[settings->ignore.count++] = config->ignore.items[i];
    }
    if (config->debounce_ms > settings->debounce_ms) {
        settings->debounce_ms = config->debounce_ms;
    }
    unsigned single_ms = config->has_debounce || config->debounce_ms < RELOAD_SINGLE_MS
                             ? config->debounce_ms
                             : RELOAD_SINGLE_MS;
    if (single_ms > settings->single_ms) {
        settings->single_ms = single_ms;
    }
    if (config->drain_timeout_s > settings->drain_timeout_s) {
        settings->drain_timeout_s = config->drain_timeout_s;
    }
    settings->is_watched &= config->reload != RELOAD_MODE_OFF;
    return 0;
}

int settings_join(const struct app_config *const *configs, size_t count,
                  struct settings *ret_settings) {
    struct settings *settings = ret_settings;
    size_t ignored = 0;
    for (size_t i = 0; i < count; i++) {
        ignored += configs[i]->ignore.count;
    }
    *settings = (struct settings){.is_watched = true};
    settings->files.items = calloc(count + 1, sizeof *settings->files.items);
    settings->ignore.items = calloc(ignored + 1, sizeof *settings->ignore.items);
    settings->base = count ? folder_of(configs[0]->file) : strdup("/");
    if (!settings->files.items || !settings->ignore.items || !settings->base) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (add_settings(settings, configs[i]) != 0) {
            return -1;
        }
    }
    return 0;
}
