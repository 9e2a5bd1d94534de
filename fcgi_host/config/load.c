#include "fcgi_host/config/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/command_line.h"
#include "fcgi_host/config/load_internal.h"

static int out_of_memory(struct error *err) {
    return error_set(err, ERR_MEMORY, "out of memory");
}

/** Set a key; an error names the flag. */
static int set_from_command_line(struct config_builder *builder, const struct config_place *place,
                                 const struct config_option *option, const char *value,
                                 struct error *err) {
    if (config_builder_set(builder, place, option->key, value, err) != 0) {
        /* The user wrote the flag, not the key. */
        const char *reason = strncmp(err->text, option->key, strlen(option->key)) == 0
                                 ? err->text + strlen(option->key)
                                 : err->text;
        char text[512];
        snprintf(text, sizeof text, "--%s%s", option->flag, reason);
        return error_set(err, err->code, "%s", text);
    }
    return 0;
}

static int apply_option(struct config_builder *builder, const char *directory, size_t index,
                        const char *value, struct error *err) {
    struct config_place place = {.directory = directory};
    const struct config_option *option = &options[index];
    if (option->scope == SCOPE_HOST) {
        place.section = SECTION_HOST;
        return set_from_command_line(builder, &place, option, value, err);
    }
    place.section = SECTION_SCRIPTS;
    if (!builder->scripts.is_set[index] &&
        set_from_command_line(builder, &place, option, value, err) != 0) {
        return -1;
    }
    place.section = SECTION_APP;
    for (size_t i = 0; i < builder->config->app_count; i++) {
        place.index = i;
        if (!builder->apps[i].is_set[index] &&
            set_from_command_line(builder, &place, option, value, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int add_app(struct config_builder *builder, const char *directory, const char *text,
                   struct error *err) {
    struct app_argument argument;
    if (app_argument_parse(text, &argument, err) != 0) {
        return -1;
    }
    int rc = config_builder_add_app(builder, argument.name, 0, err);
    if (rc != 0) {
        error_prefix(err, "%s", text);
    } else {
        struct config_place place = {.section = SECTION_APP,
                                     .index = builder->config->app_count - 1,
                                     .directory = directory};
        rc = config_builder_set(builder, &place, "file", argument.file, err);
        if (rc == 0 && argument.callable) {
            rc = config_builder_set(builder, &place, "callable", argument.callable, err);
        }
    }
    app_argument_clear(&argument);
    return rc;
}

static int apply_command_line(struct config_builder *builder, const char *directory,
                              const struct command_line_words *words, struct error *err) {
    for (size_t i = 0; i < words->app_count; i++) {
        if (add_app(builder, directory, words->apps[i], err) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (words->values[i] && apply_option(builder, directory, i, words->values[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

/** Put this process's id in place of each "%p". */
static int expand_process_id(char **text, struct error *err) {
    for (char *at; *text && (at = strstr(*text, "%p"));) {
        char *expanded = NULL;
        if (asprintf(&expanded, "%.*s%ld%s", (int)(at - *text), *text, (long)getpid(), at + 2) <
            0) {
            return out_of_memory(err);
        }
        free(*text);
        *text = expanded;
    }
    return 0;
}

static bool is_run_or_test(enum command command) {
    return command == COMMAND_RUN || command == COMMAND_TEST;
}

/** Whether a command runs applications.  The others only want to know of the host; whoever calls
 *  them need not be able to read its secrets. */
static bool runs_applications(enum command command) {
    return is_run_or_test(command) || command == COMMAND_AUDIT || command == COMMAND_SERVE;
}

static int load_config(struct config_builder *builder, const struct command_line_words *words,
                       struct error *err) {
    struct config *config = builder->config;
    char *directory = getcwd(NULL, 0);
    int rc = -1;
    if (!directory && !(directory = strdup("/"))) { /* a working directory that was removed */
        return out_of_memory(err);
    }
    builder->skips_env_files = !runs_applications(words->line.command);
    if (words->config_file) {
        config->file = option_absolute_path(directory, words->config_file);
        if (!config->file) {
            out_of_memory(err);
            goto out;
        }
        if (config_file_read(builder, config->file, err) != 0) {
            goto out;
        }
    }
    bool is_run = is_run_or_test(words->line.command);
    if (apply_command_line(builder, directory, words, err) != 0 ||
        config_check(builder, err) != 0 || (is_run && config_check_users(builder, err) != 0) ||
        (words->line.command == COMMAND_RUN && expand_process_id(&config->control, err) != 0)) {
        goto out;
    }
    rc = 0;
out:
    free(directory);
    return rc;
}

int config_load(int argc, char **argv, struct command_line *ret_line, struct config **ret_config,
                struct error *err) {
    struct command_line_words words;
    if (command_line_parse(argc, argv, &words, err) != 0) {
        return -1;
    }
    bool is_run = is_run_or_test(words.line.command);
    bool is_command =
        !is_run && words.line.command != COMMAND_HELP && words.line.command != COMMAND_VERSION;
    struct config *config = NULL;
    int rc = 0;
    if (is_run || (is_command && words.config_file)) {
        struct config_builder *builder = config_builder_new(err);
        rc = builder ? load_config(builder, &words, err) : -1;
        config = rc == 0 ? config_builder_take(builder) : NULL;
        config_builder_free(builder);
    }
    free(words.apps);
    if (rc == 0) {
        *ret_line = words.line;
        *ret_config = config;
    }
    return rc;
}
