/* Users and groups: who each process group's workers are, and whether they may be. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/identity.h"
#include "fcgi_host/config/load_internal.h"

/** A section with the keys of a process group. */
struct group_place {
    struct config_place place;
    struct process_config *process;
};

static size_t count_places(const struct config *config) {
    return 1 + config->process_count + config->app_count;
}

/** [fcgi_host] is the first. */
static struct group_place place_of(struct config *config, size_t i) {
    if (i == 0) {
        return (struct group_place){{.section = SECTION_HOST}, &config->process};
    }
    if (--i < config->process_count) {
        return (struct group_place){{.section = SECTION_PROCESS, .index = i},
                                    &config->processes[i]};
    }
    i -= config->process_count;
    return (struct group_place){{.section = SECTION_APP, .index = i}, &config->apps[i].own};
}

/** An application that lives in a [process] section has no keys of its own. */
static bool is_used(const struct config *config, const struct config_place *place) {
    return place->section != SECTION_APP ||
           !config_find_process(config, config->apps[place->index].process);
}

/** With the user of its section, a group has that user's primary group; not [fcgi_host]'s. */
static int find_user(const struct config_builder *builder, const struct group_place *at,
                     struct error *err) {
    const struct process_config *host = &builder->config->process;
    struct process_config *process = at->process;
    bool has_own_user = process->user;
    const char *user = has_own_user ? process->user : host->user;
    const char *group = process->group || has_own_user ? process->group : host->group;
    if ((user || group) && !(process->identity = identity_find(user, group, err))) {
        return config_error_at(builder, &at->place, has_own_user ? "user" : "group", err);
    }
    return 0;
}

/** An application with another user than its neighbours' cannot be in their process. */
static int set_apart(const struct config *config, struct app_config *app, struct error *err) {
    if (strcmp(app->process, CONFIG_PROCESS_AUTO) != 0 ||
        identity_is_same(app->own.identity, config->process.identity)) {
        return 0;
    }
    char *own = strdup(CONFIG_PROCESS_OWN);
    if (!own) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    free(app->process);
    app->process = own;
    return 0;
}

int config_find_users(struct config_builder *builder, struct error *err) {
    struct config *config = builder->config;
    for (size_t i = 0; i < count_places(config) && !config->ignore_users; i++) {
        const struct group_place at = place_of(config, i);
        if (is_used(config, &at.place) &&
            (find_user(builder, &at, err) != 0 ||
             (at.place.section == SECTION_APP &&
              set_apart(config, &config->apps[at.place.index], err) != 0))) {
            return -1;
        }
    }
    return 0;
}

/** Only root can become somebody else. */
static int check_rights(const struct config_builder *builder, const struct group_place *at,
                        struct error *err) {
    const struct process_config *process = at->process;
    if (geteuid() == 0 || !process->identity) {
        return 0;
    }
    if (process->user && process->identity->uid != geteuid()) {
        error_set(err, ERR_USAGE,
                  "%s: only a host that root starts can run applications as another user",
                  process->user);
        return config_error_at(builder, &at->place, "user", err);
    }
    if ((process->user || process->group) && process->identity->gid != getegid()) {
        const char *key = process->group ? "group" : "user";
        error_set(err, ERR_USAGE,
                  "%s: only a host that root starts can run applications with another group",
                  process->group ? process->group : process->user);
        return config_error_at(builder, &at->place, key, err);
    }
    return 0;
}

static int check_root(const struct config_builder *builder, struct error *err) {
    struct config *config = builder->config;
    const struct process_config *process = NULL;
    const char *name = config_find_root(config, &process);
    if (!name || config->allow_root) {
        return 0;
    }
    error_set(err, ERR_USAGE,
              "the applications of process %s would run as root, which whoever finds a hole in "
              "one of them then is: set user = NAME, in [fcgi_host] for all; or, if it is meant, "
              "allow_root = yes (--allow-root)",
              name);
    struct group_place at = place_of(config, 0);
    for (size_t i = 1; at.process != process; i++) {
        at = place_of(config, i);
    }
    /* Where it is said, or where it is missing. */
    return config_error_at(builder, &at.place, process->user ? "user" : NULL, err);
}

int config_check_users(const struct config_builder *builder, struct error *err) {
    for (size_t i = 0; i < count_places(builder->config); i++) {
        const struct group_place at = place_of(builder->config, i);
        if (is_used(builder->config, &at.place) && check_rights(builder, &at, err) != 0) {
            return -1;
        }
    }
    return check_root(builder, err);
}

unsigned config_line_of(const struct section_origin *origin, enum option_section section,
                        const char *key) {
    const char *ignored;
    const struct config_option *option = key ? option_find(section, key, &ignored) : NULL;
    unsigned line = option ? origin->key_lines[option - options] : 0;
    return line ? line : origin->line;
}

int config_error_at(const struct config_builder *builder, const struct config_place *place,
                    const char *key, struct error *err) {
    const struct config *config = builder->config;
    const char *file = config->file;
    const struct section_origin *origin = &builder->host;
    const char *kind = "fcgi_host", *name = "";
    if (place->section == SECTION_PROCESS) {
        origin = &builder->processes[place->index];
        kind = "process ";
        name = config->processes[place->index].name;
    } else if (place->section == SECTION_APP) {
        origin = &builder->apps[place->index];
        kind = "app ";
        name = config->apps[place->index].name;
    }
    if (place->section == SECTION_TASK) {
        origin = &builder->tasks[place->index];
        kind = "task ";
        name = config->tasks[place->index].name;
    }
    unsigned line = config_line_of(origin, place->section, key);
    if (line == 0) {
        return file ? error_prefix(err, "%s", file) : -1;
    }
    return error_prefix(err, "%s:%u: [%s%s]%s%s", file, line, kind, name, key ? " " : "",
                        key ? key : "");
}
