#include "fcgi_host/commands/control.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/commands/control_client.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/status/table.h"
#include "fcgi_host/status/terminal.h"

/** What the arguments say. */
struct arguments {
    const char *socket;
    bool wants_json;
    const char *revision; /* that is expected; NULL: any */
    int first_name;       /* in argv */
};

static bool has_expectation(enum command command) {
    return command == COMMAND_RELOAD || command == COMMAND_PREPARE;
}

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, const struct config *config,
                           struct arguments *arguments) {
    static const struct option s_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"socket", required_argument, NULL, 's'},
        {"expect", required_argument, NULL, 'e'},
        {"wait", no_argument, NULL, 'w'},
        {0},
    };
    bool is_status = line->command == COMMAND_STATUS;
    int option;
    *arguments = (struct arguments){.socket = config ? config->control : NULL};
    optind = 0; /* getopt has been used on the whole command line before */
    while ((option = getopt_long(line->argc, line->argv, ":s:", s_options, NULL)) != -1) {
        if (option == 's') {
            arguments->socket = optarg;
        } else if (option == 'j' && is_status) {
            arguments->wants_json = true;
        } else if (option == 'e' && has_expectation(line->command)) {
            arguments->revision = optarg;
        } else if (option != 'w' || line->command != COMMAND_RELOAD) {
            return usage_bad_option(line, option);
        }
    }
    arguments->first_name = optind;
    if (is_status && optind < line->argc) {
        return usage_say(line, "unexpected argument", line->argv[optind]);
    }
    return usage_need_socket(line, arguments->socket);
}

/** The command's name, then the names of applications. @return the answer, or NULL */
static char *ask_host(const struct command_line *line, const struct arguments *arguments,
                      size_t *ret_bytes, struct error *err) {
    size_t count = (size_t)(line->argc - arguments->first_name);
    const char **words = calloc(count + 1, sizeof *words);
    if (!words) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    words[0] = line->argv[0];
    for (size_t i = 0; i < count; i++) {
        words[i + 1] = line->argv[arguments->first_name + (int)i];
    }
    char *answer = control_ask(arguments->socket, &(struct control_words){words, count + 1}, -1,
                               ret_bytes, err);
    free(words);
    return answer;
}

/* ---- --expect ---- */

static bool is_named(const struct command_line *line, const struct arguments *arguments,
                     const char *name) {
    bool is_named = arguments->first_name == line->argc;
    for (int i = arguments->first_name; i < line->argc; i++) {
        is_named |= strcmp(line->argv[i], name) == 0;
    }
    return is_named;
}

/** A hash may be abbreviated, as git does. */
static bool is_expected(const char *revision, const char *expected) {
    return *revision && *expected && strncmp(revision, expected, strlen(expected)) == 0;
}

/** Say where another revision serves. @return how often */
static int say_others(const struct command_line *line, const struct arguments *arguments,
                      const json_t *worker) {
    size_t i;
    const json_t *app;
    int others = 0;
    json_array_foreach(json_object_get(worker, "apps"), i, app) {
        const char *name = json_get_string(app, "name");
        const char *revision = json_get_string(app, "revision");
        if (is_named(line, arguments, name) && !is_expected(revision, arguments->revision)) {
            fprintf(stderr, "fcgi_host %s: ", line->argv[0]);
            terminal_put(stderr, name, 0);
            fputs(line->command == COMMAND_PREPARE ? " has loaded " : " serves ", stderr);
            terminal_put(stderr, *revision ? revision : "no known revision", 0);
            fprintf(stderr, " in worker %.0f, not %s\n", json_get_number(worker, "pid"),
                    arguments->revision);
            others++;
        }
    }
    return others;
}

/** What serves now, or waits. @return the exit status */
static int check_revision(const struct command_line *line, const struct arguments *arguments) {
    static const char *const s_words[] = {"status"};
    const char *state = line->command == COMMAND_PREPARE ? "starting" : "serving";
    struct error err;
    size_t i;
    json_t *json = control_ask_json(arguments->socket, &(struct control_words){s_words, 1}, &err);
    const json_t *worker;
    int others = json ? 0 : 1;
    if (!json) {
        fprintf(stderr, "fcgi_host %s: %s\n", line->argv[0], err.text);
    }
    json_array_foreach(json_object_get(json, "workers"), i, worker) {
        if (strcmp(json_get_string(worker, "state"), state) == 0) {
            others += say_others(line, arguments, worker);
        }
    }
    json_decref(json);
    return others == 0 ? EXIT_DONE : EXIT_NOT_DONE;
}

static int print_status(const char *answer, const json_t *json, bool wants_json) {
    if (wants_json) {
        fputs(answer + strspn(answer, " "), stdout); /* without signs of life */
        return EXIT_DONE;
    }
    char *table = status_table(json);
    if (!table) {
        fputs("fcgi_host status: out of memory\n", stderr);
        return EXIT_NOT_DONE;
    }
    fputs(table, stdout);
    free(table);
    return EXIT_DONE;
}

static int print_reload(const json_t *json) {
    const char *outcome = json_get_string(json, "outcome");
    const char *why = json_get_string(json, "why");
    enum reload_outcome end = reload_outcome_parse(outcome);
    bool is_done = end == RELOAD_OUTCOME_REPLACED || end == RELOAD_OUTCOME_SWITCHED ||
                   strcmp(outcome, "prepared") == 0 || strcmp(outcome, "aborted") == 0;
    FILE *out = is_done ? stdout : stderr;
    terminal_put(out, *outcome ? outcome : "no answer", 0);
    fprintf(out, " in %.0f ms%s", json_get_number(json, "total_ms"), *why ? ": " : "");
    terminal_put(out, why, 0);
    fputs("\n", out);
    return is_done ? EXIT_DONE : EXIT_NOT_DONE;
}

int control_command(const struct command_line *line, const struct config *config) {
    struct arguments arguments;
    struct error err;
    size_t bytes = 0;
    if (parse_arguments(line, config, &arguments)) {
        return EXIT_USAGE;
    }
    char *answer = ask_host(line, &arguments, &bytes, &err);
    json_t *json = answer ? json_parse(answer, bytes, &err) : NULL;
    int status = EXIT_NOT_DONE;
    if (!json) {
        fprintf(stderr, "fcgi_host %s: %s\n", line->argv[0], err.text);
    } else if (line->command == COMMAND_STATUS) {
        status = print_status(answer, json, arguments.wants_json);
    } else {
        status = print_reload(json);
        if (status == EXIT_DONE && arguments.revision) {
            status = check_revision(line, &arguments);
        }
    }
    json_decref(json);
    free(answer);
    return status;
}
