#include "fcgi_host/config/options.h"

#include <string.h>

#define STRUCT_HOST struct config
#define STRUCT_APP struct app_config
#define STRUCT_BOTH struct app_config
#define STRUCT_SCRIPTS struct config
#define STRUCT_TASK struct task_config
#define STRUCT_PROCESS struct process_config
#define STRUCT_GROUP struct process_config
#define STRUCT_GROUP_ENV struct process_config
#define STRUCT_SECTION struct process_config

#define KIND(name) &option_kind_##name
#define NUMBER(low, high) KIND(number), .least = (low), .most = (high)
#define WORKERS KIND(workers), .least = 0, .most = CONFIG_MAX_WORKERS

const struct config_option options[OPTION_COUNT] = {
#define OPTION(of_scope, field, ...)                                                               \
    {.scope = SCOPE_##of_scope, .offset = offsetof(STRUCT_##of_scope, field), __VA_ARGS__},
#include "fcgi_host/config/options.def"
#undef OPTION
};

bool option_in_section(const struct config_option *option, enum option_section section) {
    switch (option->scope) {
    case SCOPE_HOST:
        return section == SECTION_HOST;
    case SCOPE_APP:
        return section == SECTION_APP;
    case SCOPE_BOTH:
        return section == SECTION_APP || section == SECTION_SCRIPTS;
    case SCOPE_SCRIPTS:
        return section == SECTION_SCRIPTS;
    case SCOPE_TASK:
        return section == SECTION_TASK;
    case SCOPE_PROCESS:
        return section == SECTION_PROCESS || section == SECTION_APP;
    case SCOPE_GROUP:
        return section != SECTION_SCRIPTS && section != SECTION_TASK;
    case SCOPE_GROUP_ENV:
        return section == SECTION_PROCESS || section == SECTION_HOST;
    case SCOPE_SECTION:
        return section == SECTION_PROCESS;
    }
    return false;
}

static bool key_matches(const struct config_option *option, const char *key,
                        const char **ret_name) {
    *ret_name = NULL;
    if (!option->kind->has_names) {
        return strcmp(option->key, key) == 0;
    }
    size_t prefix = strcspn(option->key, ".") + 1;
    if (strncmp(option->key, key, prefix) != 0 || key[prefix] == '\0') {
        return false;
    }
    *ret_name = key + prefix;
    return true;
}

const struct config_option *option_find(enum option_section section, const char *key,
                                        const char **ret_name) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_in_section(&options[i], section) && key_matches(&options[i], key, ret_name)) {
            return &options[i];
        }
    }
    return NULL;
}

void *option_field(const struct config_option *option, const struct option_target *target) {
    void *base = NULL;
    switch (option->scope) {
    case SCOPE_HOST:
    case SCOPE_SCRIPTS:
        base = target->config;
        break;
    case SCOPE_APP:
    case SCOPE_BOTH:
        base = target->app;
        break;
    case SCOPE_TASK:
        base = target->task;
        break;
    case SCOPE_PROCESS:
    case SCOPE_GROUP:
    case SCOPE_GROUP_ENV:
    case SCOPE_SECTION:
        base = target->process;
        break;
    }
    return base ? (char *)base + option->offset : NULL;
}

static int set_defaults(const struct option_target *target, struct error *err) {
    const struct option_place place = {.directory = "/"};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &options[i];
        void *field = option_field(option, target);
        if (field && option->default_text &&
            option->kind->set(field, option, &place, option->default_text, err) != 0) {
            return error_prefix(err, "default of %s", option->key);
        }
    }
    return 0;
}

int options_set_app_defaults(struct app_config *app, struct error *err) {
    return set_defaults(&(struct option_target){.app = app, .process = &app->own}, err);
}

int options_set_process_defaults(struct process_config *process, struct error *err) {
    return set_defaults(&(struct option_target){.process = process}, err);
}

int options_set_defaults(struct config *config, struct error *err) {
    return set_defaults(&(struct option_target){.config = config, .process = &config->process},
                        err);
}

static void clear(const struct option_target *target) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        void *field = option_field(&options[i], target);
        if (field) {
            options[i].kind->clear(field);
        }
    }
}

void options_clear_app(struct app_config *app) {
    clear(&(struct option_target){.app = app, .process = &app->own});
}

void options_clear_task(struct task_config *task) {
    clear(&(struct option_target){.task = task});
}

void options_clear_process(struct process_config *process) {
    clear(&(struct option_target){.process = process});
}

void options_clear(struct config *config) {
    clear(&(struct option_target){.config = config, .process = &config->process});
}

void options_print(enum option_section section, const struct option_target *target, FILE *out) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &options[i];
        const void *field = option_field(option, target);
        if (field && option_in_section(option, section)) {
            option->kind->print(field, option, out);
        }
    }
}
