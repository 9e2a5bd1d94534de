#include "fcgi_host/commands/profile.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/commands/flame_graph.h"
#include "fcgi_host/commands/session_client.h"
#include "fcgi_host/commands/stack_tree.h"
#include "fcgi_host/commands/usage.h"

enum {
    DEFAULT_RATE = 100, /**< looks a second */
    MOST_RATE = 1000,
    MOST_SECONDS = 3600,
};

/** What the arguments say. */
struct arguments {
    struct session_wish wish;
    const char *file; /**< NULL: standard output */
    double rate, seconds;
    bool is_svg, with_lines;
};

static bool parse_number(const char *text, double most, double *ret_number) {
    char *end;
    *ret_number = strtod(text, &end);
    return end != text && *end == '\0' && *ret_number > 0 && *ret_number <= most;
}

/** @return 0, or EXIT_USAGE */
static int take_option(const struct command_line *line, int option, struct arguments *arguments) {
    switch (option) {
    case 's':
        arguments->wish.socket = optarg;
        return 0;
    case 'w':
        arguments->wish.worker = optarg;
        return 0;
    case 'o':
        arguments->file = optarg;
        return 0;
    case 'l':
        arguments->with_lines = true;
        return 0;
    case 'f':
        arguments->is_svg = strcmp(optarg, "svg") == 0;
        return arguments->is_svg || strcmp(optarg, "collapsed") == 0
                   ? 0
                   : usage_say(line, "unknown format", optarg);
    case 'r':
        return parse_number(optarg, MOST_RATE, &arguments->rate) && arguments->rate >= 1
                   ? 0
                   : usage_say(line, "--rate takes 1 to 1000", optarg);
    default:
        return usage_bad_option(line, option);
    }
}

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, const struct config *config,
                           struct arguments *arguments) {
    static const struct option s_options[] = {{"socket", required_argument, NULL, 's'},
                                              {"worker", required_argument, NULL, 'w'},
                                              {"format", required_argument, NULL, 'f'},
                                              {"output", required_argument, NULL, 'o'},
                                              {"rate", required_argument, NULL, 'r'},
                                              {"lines", no_argument, NULL, 'l'},
                                              {0}};
    int option, status = 0;
    *arguments =
        (struct arguments){.wish.socket = config ? config->control : NULL, .rate = DEFAULT_RATE};
    optind = 0;
    while (status == 0 &&
           (option = getopt_long(line->argc, line->argv, ":s:o:", s_options, NULL)) != -1) {
        status = take_option(line, option, arguments);
    }
    if (status != 0) {
        return status;
    }
    if (line->argc - optind != 2) {
        return usage_say(line, "which application, and for how many seconds?", NULL);
    }
    arguments->wish.app = line->argv[optind];
    if (!parse_number(line->argv[optind + 1], MOST_SECONDS, &arguments->seconds)) {
        return usage_say(line, "SECONDS are above 0 and at most 3600", line->argv[optind + 1]);
    }
    return usage_need_socket(line, arguments->wish.socket);
}

/** Count a stack: the thread's id, a newline, the stack. */
static int count_stack(struct stack_node *root, char *text, bool with_lines, struct error *err) {
    char thread[64];
    size_t length = strcspn(text, "\n");
    snprintf(thread, sizeof thread, "thread %.*s", (int)length, text);
    return stack_tree_add(root, thread, text + length, with_lines)
               ? error_set(err, ERR_MEMORY, "out of memory")
               : 0;
}

/** @return the exit status */
static int collect(const struct command_line *line, const struct arguments *arguments, int fd,
                   struct stack_node *root) {
    struct session_packet packet;
    struct error err;
    char rate[64];
    snprintf(rate, sizeof rate, "%.0f %.0f", arguments->rate, arguments->seconds * 1000);
    session_say(fd, SESSION_RATE, rate, NULL); /* if that fails, the worker says why */
    session_say(fd, SESSION_START, "", NULL);
    while (session_receive(fd, &packet, &err) == 0) {
        if (packet.type == SESSION_END) {
            return session_take_end(line, &packet);
        }
        if (packet.type == SESSION_STACK &&
            count_stack(root, packet.bytes, arguments->with_lines, &err)) {
            break;
        }
    }
    return session_say_failed(line, &err);
}

static void write_to(FILE *out, const struct arguments *arguments, const struct stack_node *root) {
    char title[1200];
    if (arguments->is_svg) {
        snprintf(title, sizeof title, "%s: %lu stacks in %g s", arguments->wish.app, root->count,
                 arguments->seconds);
        flame_graph_write(root, title, out);
    } else {
        stack_tree_collapse(root, out);
    }
}

/** @return the exit status */
static int write_result(const struct command_line *line, const struct arguments *arguments,
                        const struct stack_node *root) {
    struct error err;
    FILE *out = arguments->file ? fopen(arguments->file, "we") : stdout;
    if (out) {
        write_to(out, arguments, root);
    }
    int failure = !out || fflush(out) != 0 || ferror(out) ? errno : 0;
    if (out && arguments->file && fclose(out) != 0) {
        failure = errno;
    }
    if (failure) {
        error_set_errno(&err, failure, "%s", arguments->file ? arguments->file : "output");
        return session_say_failed(line, &err);
    }
    return 0;
}

int profile_command(const struct command_line *line, const struct config *config) {
    struct arguments arguments;
    if (parse_arguments(line, config, &arguments)) {
        return EXIT_USAGE;
    }
    struct stack_node *root = stack_tree_new("all");
    int fd = root ? session_open(line, &arguments.wish) : -1;
    int status = SESSION_NOT_RUN;
    if (fd >= 0) {
        status = collect(line, &arguments, fd, root);
        close(fd);
    }
    if (status != SESSION_NOT_RUN && write_result(line, &arguments, root)) {
        status = SESSION_FAILED;
    }
    stack_tree_free(root);
    return status;
}
