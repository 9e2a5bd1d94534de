#include "fcgi_host/commands/health.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/commands/control_client.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/status/terminal.h"

/** What the arguments say. */
struct arguments {
    const char *socket;
    const char *argument; /**< an application, or seconds; NULL: none */
    bool waits;           /**< drain: until the host has stopped */
};

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, const struct config *config,
                           struct arguments *arguments) {
    static const struct option s_options[] = {{"socket", required_argument, NULL, 's'},
                                              {"for", required_argument, NULL, 'f'},
                                              {"wait", no_argument, NULL, 'w'},
                                              {0}};
    bool is_drain = line->command == COMMAND_DRAIN;
    int option;
    *arguments = (struct arguments){.socket = config ? config->control : NULL};
    optind = 0;
    while ((option = getopt_long(line->argc, line->argv, ":s:", s_options, NULL)) != -1) {
        if (option == 's') {
            arguments->socket = optarg;
        } else if (option == 'f' && is_drain) {
            if (!*optarg || strspn(optarg, "0123456789") != strlen(optarg)) {
                return usage_say(line, "not a number of seconds", optarg);
            }
            arguments->argument = optarg;
        } else if (option == 'w' && is_drain) {
            arguments->waits = true;
        } else {
            return usage_bad_option(line, option);
        }
    }
    if (line->command == COMMAND_READY && optind < line->argc) {
        arguments->argument = line->argv[optind++];
    }
    if (optind < line->argc) {
        return usage_say(line, "unexpected argument", line->argv[optind]);
    }
    return usage_need_socket(line, arguments->socket);
}

/** Ask, and print what is answered. @return the exit status */
static int ask(const char *command, const struct arguments *arguments) {
    const char *words[] = {command, arguments->argument};
    struct error err;
    json_t *json = control_ask_json(
        arguments->socket, &(struct control_words){words, arguments->argument ? 2 : 1}, &err);
    bool is_done = json && json_is_true(json_object_get(json, "is_done"));
    if (json) {
        FILE *out = is_done ? stdout : stderr;
        terminal_put(out, json_get_string(json, "why"), 0);
        fputs("\n", out);
    } else {
        fprintf(stderr, "fcgi_host %s: %s\n", command, err.text);
    }
    json_decref(json);
    return is_done ? EXIT_DONE : EXIT_NOT_DONE;
}

/**
 * Say something that is not answered until the host has ended, which closes the connection.  So
 * does a host that refuses this user: that one can still be connected to.
 * @return the exit status
 */
static int await_end(const char *command, const char *socket, const char *word) {
    size_t bytes = 0;
    struct error err, gone;
    const struct control_words wait = {&word, 1}, ping = {(const char *const[]){"ping"}, 1};
    char *answer = control_ask(socket, &wait, -1, &bytes, &err);
    bool is_closed = answer ? strspn(answer, " ") == bytes : err.code == ERR_CLOSED;
    free(answer);
    if (is_closed) {
        answer = control_ask(socket, &ping, -1, &bytes, &gone);
        is_closed = !answer && gone.code == ERR_SYSTEM;
        free(answer);
    }
    if (!is_closed) {
        fprintf(stderr, "fcgi_host %s: %s\n", command, err.text);
    }
    return is_closed ? EXIT_DONE : EXIT_NOT_DONE;
}

int health_command(const struct command_line *line, const struct config *config) {
    const char *command = line->argv[0];
    struct arguments arguments;
    if (parse_arguments(line, config, &arguments)) {
        return EXIT_USAGE;
    }
    if (line->command == COMMAND_STOP) {
        return await_end(command, arguments.socket, "stop");
    }
    int status = ask(command, &arguments);
    if (status == EXIT_DONE && arguments.waits) {
        status = await_end(command, arguments.socket, "stopped");
    }
    return status;
}
