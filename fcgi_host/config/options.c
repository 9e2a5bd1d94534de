#include "fcgi_host/config/options.h"

#include <string.h>

#define STRUCT_HOST struct config
#define STRUCT_APP struct app_config
#define STRUCT_BOTH struct app_config
#define STRUCT_SCRIPTS struct config

#define KIND(name) &option_kind_##name
#define NUMBER(low, high) KIND(number), .least = (low), .most = (high)

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

static bool is_of_app(const struct config_option *option) {
    return option->scope == SCOPE_APP || option->scope == SCOPE_BOTH;
}

void *option_field(const struct config_option *option, struct config *config,
                   struct app_config *app) {
    return (is_of_app(option) ? (char *)app : (char *)config) + option->offset;
}

static int set_defaults(struct config *config, struct app_config *app, struct error *err) {
    const struct option_place place = {.directory = "/"};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &options[i];
        if (option->default_text && is_of_app(option) == (app != NULL) &&
            option->kind->set(option_field(option, config, app), option, &place,
                              option->default_text, err) != 0) {
            return error_prefix(err, "default of %s", option->key);
        }
    }
    return 0;
}

int options_set_app_defaults(struct app_config *app, struct error *err) {
    return set_defaults(NULL, app, err);
}

int options_set_defaults(struct config *config, struct error *err) {
    return set_defaults(config, NULL, err);
}

static void clear(struct config *config, struct app_config *app) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (is_of_app(&options[i]) == (app != NULL)) {
            options[i].kind->clear(option_field(&options[i], config, app));
        }
    }
}

void options_clear_app(struct app_config *app) {
    clear(NULL, app);
}

void options_clear(struct config *config) {
    clear(config, NULL);
}

void options_print(enum option_section section, const struct config *config,
                   const struct app_config *app, FILE *out) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct config_option *option = &options[i];
        if (option_in_section(option, section)) {
            const char *base = is_of_app(option) ? (const char *)app : (const char *)config;
            option->kind->print(base + option->offset, option, out);
        }
    }
}
