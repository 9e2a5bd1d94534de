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
    int first_name; /* in argv */
};

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, const struct config *config,
                           struct arguments *arguments) {
    static const struct option s_options[] = {
        {"json", no_argument, NULL, 'j'}, {"socket", required_argument, NULL, 's'}, {0}};
    bool is_status = line->command == COMMAND_STATUS;
    int option;
    *arguments = (struct arguments){.socket = config ? config->control : NULL};
    optind = 0; /* getopt has been used on the whole command line before */
    while ((option = getopt_long(line->argc, line->argv, ":s:", s_options, NULL)) != -1) {
        if (option == 's') {
            arguments->socket = optarg;
        } else if (option == 'j' && is_status) {
            arguments->wants_json = true;
        } else {
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
    bool is_done = end == RELOAD_OUTCOME_REPLACED || end == RELOAD_OUTCOME_SWITCHED;
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
    }
    json_decref(json);
    free(answer);
    return status;
}
