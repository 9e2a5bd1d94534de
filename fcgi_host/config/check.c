#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/text.h"
#include "fcgi_host/config/load_internal.h"

static size_t option_index(const char *key) {
    const char *name;
    const struct config_option *option = option_find(SECTION_APP, key, &name);
    return option ? (size_t)(option - options) : OPTION_COUNT;
}

/** Put "FILE:LINE: [app NAME] key" before the message; the section's line if `key` is not set. */
static int at_app(const struct config_builder *builder, size_t i, const char *key,
                  struct error *err) {
    const struct config *config = builder->config;
    unsigned line = config_line_of(&builder->apps[i], SECTION_APP, key);
    if (line == 0) { /* given on the command line */
        return error_prefix(err, "%s", config->apps[i].name);
    }
    return error_prefix(err, "%s:%u: [app %s] %s", config->file, line, config->apps[i].name, key);
}

static int check_file(const char *path, struct error *err) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return option_path_error(path, err);
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(err, ERR_USAGE, "%s: not a file", path);
    }
    if (access(path, R_OK) != 0) {
        return option_path_error(path, err);
    }
    return 0;
}

/** A name that an application's own process group has, or may get. */
static int check_process_name(const struct config_builder *builder, size_t i, struct error *err) {
    const char *name = builder->config->apps[i].name;
    if (config_find_process(builder->config, name)) {
        error_set(err, ERR_USAGE, "there is a [process %s], and the application is called so, too",
                  name);
        return at_app(builder, i, "process", err);
    }
    if (strcmp(name, CONFIG_PROCESS_SHARED) == 0) {
        error_set(err, ERR_USAGE, "a process of its own cannot be called \"%s\"", name);
        return at_app(builder, i, "process", err);
    }
    return 0;
}

static int check_process(const struct config_builder *builder, size_t i, struct error *err) {
    const char *process = builder->config->apps[i].process;
    if (strcmp(process, CONFIG_PROCESS_OWN) == 0) {
        return check_process_name(builder, i, err);
    }
    if (strcmp(process, CONFIG_PROCESS_AUTO) == 0) {
        return 0;
    }
    if (!config_find_process(builder->config, process)) {
        error_set(err, ERR_USAGE, "there is no [process %s]", process);
        return at_app(builder, i, "process", err);
    }
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        if (options[k].scope >= SCOPE_PROCESS && builder->apps[i].is_set[k]) {
            error_set(err, ERR_USAGE, "belongs in [process %s], where the application lives",
                      process);
            return at_app(builder, i, options[k].key, err);
        }
    }
    return 0;
}

/** A process group without applications is a mistake: nothing would ever be served by it. */
static int check_processes(const struct config_builder *builder, struct error *err) {
    const struct config *config = builder->config;
    for (size_t i = 0; i < config->process_count; i++) {
        size_t app = 0;
        while (app < config->app_count &&
               strcmp(config->apps[app].process, config->processes[i].name) != 0) {
            app++;
        }
        if (app == config->app_count) {
            return error_set(err, ERR_USAGE, "%s:%u: [process %s]: no application has process = %s",
                             config->file, builder->processes[i].line, config->processes[i].name,
                             config->processes[i].name);
        }
    }
    return 0;
}

static int check_task(const struct config_builder *builder, size_t i, struct error *err) {
    const struct task_config *task = &builder->config->tasks[i];
    const struct config_place place = {.section = SECTION_TASK, .index = i};
    const char *key = !task->app ? "app" : !task->call ? "call" : NULL;
    if (key) {
        error_set(err, ERR_USAGE, "this key is required");
    } else if (!config_find_app(builder->config, task->app)) {
        key = "app";
        error_set(err, ERR_USAGE, "there is no [app %s]", task->app);
    } else if ((task->every_s > 0) == task->at.is_set) {
        key = task->at.is_set ? "at" : "every";
        error_set(err, ERR_USAGE, "either \"every\" or \"at\" says when, and not both");
    }
    return key ? config_error_at(builder, &place, key, err) : 0;
}

static int check_tasks(const struct config_builder *builder, struct error *err) {
    for (size_t i = 0; i < builder->config->task_count; i++) {
        if (check_task(builder, i, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/** Whether two applications can be in one process group. */
static bool may_share_process(const struct app_config *a, const struct app_config *b) {
    return strcmp(a->process, b->process) == 0 && strcmp(a->process, CONFIG_PROCESS_OWN) != 0;
}

static int check_app(const struct config_builder *builder, size_t i, struct error *err) {
    struct app_config *app = &builder->config->apps[i];
    if (!app->file) {
        error_set(err, ERR_USAGE, "this key is required");
        return at_app(builder, i, "file", err);
    }
    if (check_file(app->file, err) != 0) {
        return at_app(builder, i, "file", err);
    }
    if (check_process(builder, i, err) != 0) {
        return -1;
    }
    bool is_own = strcmp(app->process, CONFIG_PROCESS_OWN) == 0;
    if (!app->interpreter &&
        !(app->interpreter = strdup(is_own ? CONFIG_MAIN_INTERPRETER : app->name))) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    app->has_debounce = builder->apps[i].is_set[option_index("debounce_ms")];
    app->has_mount = builder->apps[i].is_set[option_index("mount")];
    if (app->gil_own && strcmp(app->interpreter, CONFIG_MAIN_INTERPRETER) == 0) {
        error_set(err, ERR_USAGE, "the main interpreter has the process's GIL, not its own");
        return at_app(builder, i, "gil", err);
    }
    return 0;
}

/** A variable that both set, to different values. @return its "NAME=value" in `a`, or NULL */
static const char *env_conflict(const struct string_list *a, const struct string_list *b) {
    for (size_t i = 0; i < a->count; i++) {
        size_t name = strcspn(a->items[i], "=") + 1;
        for (size_t j = 0; j < b->count; j++) {
            if (strncmp(a->items[i], b->items[j], name) == 0 &&
                strcmp(a->items[i], b->items[j]) != 0) {
                return a->items[i];
            }
        }
    }
    return NULL;
}

/** Two applications that share an interpreter share what belongs to it. */
static int check_shared_interpreter(const struct config_builder *builder, size_t i, size_t other,
                                    struct error *err) {
    const struct app_config *app = &builder->config->apps[i];
    const struct app_config *first = &builder->config->apps[other];
    static const char s_text[] = "differs from [app %s], which runs in the same interpreter (%s)";
    const char *variable = env_conflict(&app->env.variables, &first->env.variables);
    if (!text_is_same(app->virtualenv, first->virtualenv)) {
        error_set(err, ERR_USAGE, s_text, first->name, app->interpreter);
        return at_app(builder, i, "virtualenv", err);
    }
    if (app->gil_own != first->gil_own) {
        error_set(err, ERR_USAGE, s_text, first->name, app->interpreter);
        return at_app(builder, i, "gil", err);
    }
    if (app->lazy_imports != first->lazy_imports) {
        error_set(err, ERR_USAGE, s_text, first->name, app->interpreter);
        return at_app(builder, i, "lazy_imports", err);
    }
    if (variable) {
        error_set(err, ERR_USAGE, s_text, first->name, app->interpreter);
        error_prefix(err, "env.%.*s", (int)strcspn(variable, "="), variable);
        return at_app(builder, i, "interpreter", err);
    }
    return 0;
}

/** A web server can answer a URL from one folder only. */
static int check_static_folders(const struct config_builder *builder, size_t i, size_t other,
                                struct error *err) {
    const struct app_config *app = &builder->config->apps[i];
    const struct app_config *first = &builder->config->apps[other];
    for (size_t a = 0; a < app->static_folders.count; a++) {
        for (size_t b = 0; b < first->static_folders.count; b++) {
            const char *item = app->static_folders.items[a];
            size_t url = strcspn(item, " ");
            if (strncmp(item, first->static_folders.items[b], url + 1) == 0) {
                error_set(err, ERR_USAGE, "[app %s] has %.*s for this host already", first->name,
                          (int)url, item);
                return at_app(builder, i, "static", err);
            }
        }
    }
    return 0;
}

static int check_pair(const struct config_builder *builder, size_t i, size_t other,
                      struct error *err) {
    const struct app_config *app = &builder->config->apps[i];
    const struct app_config *first = &builder->config->apps[other];
    /* Applications of the command line have no mount: the web server tells which it wants, with
     * FCGI_HOST_APP, and the first gets the rest. */
    bool is_ambiguous = builder->apps[i].line != 0 || builder->apps[other].line != 0;
    if (is_ambiguous && text_is_same(app->mount, first->mount) &&
        text_is_same(app->host, first->host)) {
        error_set(err, ERR_USAGE, "[app %s] has the same mount (%s) and host (%s)", first->name,
                  *app->mount ? app->mount : "/", app->host ? app->host : "any");
        return at_app(builder, i, "mount", err);
    }
    if (text_is_same(app->host, first->host) && check_static_folders(builder, i, other, err) != 0) {
        return -1;
    }
    if (may_share_process(app, first) && text_is_same(app->interpreter, first->interpreter)) {
        return check_shared_interpreter(builder, i, other, err);
    }
    return 0;
}

/** Put "FILE:LINE: " before the message; the section's line if `key` is not set. */
static int at_host(const struct config_builder *builder, const char *key, struct error *err) {
    unsigned line = config_line_of(&builder->host, SECTION_HOST, key);
    return line == 0 ? -1 : error_prefix(err, "%s:%u", builder->config->file, line);
}

static int check_interpreter_count(const struct config_builder *builder, struct error *err) {
    const struct config *config = builder->config;
    unsigned count = 0;
    for (size_t i = 0; i < config->app_count; i++) {
        size_t first = 0;
        if (strcmp(config->apps[i].process, CONFIG_PROCESS_AUTO) != 0) {
            continue; /* in other processes */
        }
        while (strcmp(config->apps[first].process, CONFIG_PROCESS_AUTO) != 0 ||
               !text_is_same(config->apps[first].interpreter, config->apps[i].interpreter)) {
            first++;
        }
        count += first == i;
    }
    if (count > config->max_interpreters) {
        error_set(err, ERR_USAGE,
                  "max_interpreters is %u, but the applications need %u interpreters",
                  config->max_interpreters, count);
        return at_host(builder, "max_interpreters", err);
    }
    return 0;
}

/** Each worker reloads for itself: a page would learn of new code that the next one does not have.
 */
static int check_live(const struct config_builder *builder, struct error *err) {
    static const char s_text[] = "live = on needs one worker process for each application";
    const struct config *config = builder->config;
    bool has_more = config->workers.most != 1 || config->workers.least != 1;
    for (size_t i = 0; i < config->process_count; i++) {
        const struct worker_range *workers = &config->processes[i].workers;
        has_more |= workers->most != 1 || workers->least != 1;
    }
    for (size_t i = 0; i < config->app_count; i++) {
        const struct worker_range *workers = &config->apps[i].own.workers;
        has_more |= workers->most != 1 || workers->least != 1;
    }
    if (config->live && has_more) {
        error_set(err, ERR_USAGE, "%s", s_text);
        return at_host(builder, "live", err);
    }
    return 0;
}

int config_check(struct config_builder *builder, struct error *err) {
    struct config *config = builder->config;
    if (builder->has_scripts && !config->scripts_root) {
        return error_set(err, ERR_USAGE, "%s:%u: [scripts] root: this key is required",
                         config->file, builder->scripts.line);
    }
    if (builder->has_scripts && config->scripts_suffix.count == 0) {
        return error_set(err, ERR_USAGE, "%s:%u: [scripts] suffix: empty", config->file,
                         builder->scripts.line);
    }
    if (config->app_count == 0 && !config->scripts_root) {
        return error_set(err, ERR_USAGE,
                         "no application: name a WSGI file, or a configuration file with --config");
    }
    if (check_processes(builder, err) != 0 || check_tasks(builder, err) != 0) {
        return -1;
    }
    if (config_find_users(builder, err) != 0) {
        return -1;
    }
    config->script_defaults.has_debounce = builder->scripts.is_set[option_index("debounce_ms")];
    for (size_t i = 0; i < config->app_count; i++) {
        if (check_app(builder, i, err) != 0) {
            return -1;
        }
        for (size_t other = 0; other < i; other++) {
            if (check_pair(builder, i, other, err) != 0) {
                return -1;
            }
        }
    }
    return check_interpreter_count(builder, err) != 0 ? -1 : check_live(builder, err);
}
