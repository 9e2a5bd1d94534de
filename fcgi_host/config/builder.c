#include "fcgi_host/config/builder.h"

#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct error *err) {
    return error_set(err, ERR_MEMORY, "out of memory");
}

struct config_builder *config_builder_new(struct error *err) {
    struct config_builder *builder = calloc(1, sizeof *builder);
    if (!builder || !(builder->config = calloc(1, sizeof *builder->config))) {
        out_of_memory(err);
    } else if (options_set_defaults(builder->config, err) == 0 &&
               options_set_app_defaults(&builder->config->script_defaults, err) == 0) {
        return builder;
    }
    config_builder_free(builder);
    return NULL;
}

void config_builder_free(struct config_builder *builder) {
    if (builder) {
        config_free(builder->config);
        free(builder->apps);
        free(builder->processes);
        free(builder->tasks);
        free(builder);
    }
}

struct config *config_builder_take(struct config_builder *builder) {
    struct config *config = builder->config;
    builder->config = NULL;
    return config;
}

/** The last of `count` sections of a kind is in this line. @return 0, or -1: out of memory */
static int add_origin(struct section_origin **origins, size_t count, unsigned line) {
    struct section_origin *grown = reallocarray(*origins, count, sizeof *grown);
    if (!grown) {
        return -1;
    }
    grown[count - 1] = (struct section_origin){.line = line};
    *origins = grown;
    return 0;
}

int config_builder_add_app(struct config_builder *builder, const char *name, unsigned line,
                           struct error *err) {
    struct config *config = builder->config;
    if (!option_is_name(name, strlen(name))) {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is not an application name: letters, digits, \"_\", \"-\", \".\"",
                         name);
    }
    if (config_find_app(config, name)) {
        return error_set(err, ERR_USAGE, "there are two applications named %s", name);
    }
    size_t count = config->app_count + 1;
    struct app_config *apps = reallocarray(config->apps, count, sizeof *apps);
    if (!apps) {
        return out_of_memory(err);
    }
    config->apps = apps;
    if (add_origin(&builder->apps, count, line)) {
        return out_of_memory(err);
    }
    struct app_config *app = &apps[count - 1];
    *app = (struct app_config){.name = strdup(name)};
    config->app_count = count;
    return app->name ? options_set_app_defaults(app, err) : out_of_memory(err);
}

int config_builder_add_process(struct config_builder *builder, const char *name, unsigned line,
                               struct error *err) {
    struct config *config = builder->config;
    static const char *const s_reserved[] = {CONFIG_PROCESS_AUTO, CONFIG_PROCESS_OWN,
                                             CONFIG_PROCESS_SHARED};
    for (size_t i = 0; i < sizeof s_reserved / sizeof s_reserved[0]; i++) {
        if (strcmp(name, s_reserved[i]) == 0) {
            return error_set(err, ERR_USAGE, "\"%s\" has a meaning of its own", name);
        }
    }
    if (!option_is_name(name, strlen(name))) {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is not a process's name: letters, digits, \"_\", \"-\", \".\"",
                         name);
    }
    if (config_find_process(config, name)) {
        return error_set(err, ERR_USAGE, "there are two processes named %s", name);
    }
    size_t count = config->process_count + 1;
    struct process_config *processes =
        reallocarray(config->processes, count, sizeof *config->processes);
    if (!processes) {
        return out_of_memory(err);
    }
    config->processes = processes;
    if (add_origin(&builder->processes, count, line)) {
        return out_of_memory(err);
    }
    struct process_config *process = &processes[count - 1];
    *process = (struct process_config){.name = strdup(name)};
    config->process_count = count;
    return process->name ? options_set_process_defaults(process, err) : out_of_memory(err);
}

int config_builder_add_task(struct config_builder *builder, const char *name, unsigned line,
                            struct error *err) {
    struct config *config = builder->config;
    if (!option_is_name(name, strlen(name))) {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is not a task's name: letters, digits, \"_\", \"-\", \".\"", name);
    }
    for (size_t i = 0; i < config->task_count; i++) {
        if (strcmp(config->tasks[i].name, name) == 0) {
            return error_set(err, ERR_USAGE, "there are two tasks named %s", name);
        }
    }
    size_t count = config->task_count + 1;
    struct task_config *tasks = reallocarray(config->tasks, count, sizeof *tasks);
    if (!tasks) {
        return out_of_memory(err);
    }
    config->tasks = tasks;
    if (add_origin(&builder->tasks, count, line)) {
        return out_of_memory(err);
    }
    tasks[count - 1] = (struct task_config){.name = strdup(name)};
    config->task_count = count;
    return tasks[count - 1].name ? 0 : out_of_memory(err);
}

static struct section_origin *origin_of(struct config_builder *builder,
                                        const struct config_place *place) {
    return place->section == SECTION_HOST      ? &builder->host
           : place->section == SECTION_SCRIPTS ? &builder->scripts
           : place->section == SECTION_PROCESS ? &builder->processes[place->index]
           : place->section == SECTION_TASK    ? &builder->tasks[place->index]
                                               : &builder->apps[place->index];
}

static const char *section_name(enum option_section section) {
    return section == SECTION_HOST      ? "[fcgi_host]"
           : section == SECTION_APP     ? "[app NAME]"
           : section == SECTION_PROCESS ? "[process NAME]"
           : section == SECTION_TASK    ? "[task NAME]"
                                        : "[scripts]";
}

static int unknown_key(enum option_section section, const char *key, struct error *err) {
    const char *name;
    for (int other = SECTION_HOST; other <= SECTION_SCRIPTS; other++) {
        if ((int)section != other && option_find((enum option_section)other, key, &name)) {
            return error_set(err, ERR_USAGE, "%s: no such key in %s; it belongs in %s", key,
                             section_name(section), section_name((enum option_section)other));
        }
    }
    return error_set(err, ERR_USAGE, "%s: no such key in %s", key, section_name(section));
}

static struct option_target target_of(struct config *config, const struct config_place *place) {
    switch (place->section) {
    case SECTION_HOST:
        break;
    case SECTION_PROCESS:
        return (struct option_target){.process = &config->processes[place->index]};
    case SECTION_APP:
        return (struct option_target){.app = &config->apps[place->index],
                                      .process = &config->apps[place->index].own};
    case SECTION_TASK:
        return (struct option_target){.task = &config->tasks[place->index]};
    case SECTION_SCRIPTS:
        return (struct option_target){.config = config, .app = &config->script_defaults};
    }
    return (struct option_target){.config = config, .process = &config->process};
}

int config_builder_set(struct config_builder *builder, const struct config_place *place,
                       const char *key, const char *value, struct error *err) {
    struct option_place value_place = {.directory = place->directory,
                                       .skips_env_files = builder->skips_env_files};
    const struct config_option *option = option_find(place->section, key, &value_place.name);
    if (!option) {
        return unknown_key(place->section, key, err);
    }
    struct section_origin *origin = origin_of(builder, place);
    size_t index = (size_t)(option - options);
    bool is_again = origin->is_set[index] && (origin->key_lines[index] != 0) == (place->line != 0);
    if (is_again && !option->kind->is_list) {
        return error_set(err, ERR_USAGE, "%s: given twice, first in line %u", key,
                         origin->key_lines[index]);
    }
    const struct option_target target = target_of(builder->config, place);
    void *field = option_field(option, &target);
    if (option->kind->is_list && !is_again) {
        option->kind->clear(field); /* the first one replaces the default */
    }
    if (option->kind->set(field, option, &value_place, value, err) != 0) {
        return error_prefix(err, "%s", key);
    }
    origin->is_set[index] = true;
    origin->key_lines[index] = place->line;
    return 0;
}
