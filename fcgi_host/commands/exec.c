#include "fcgi_host/commands/exec.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/commands/session_client.h"
#include "fcgi_host/commands/usage.h"

/** What the arguments say. */
struct arguments {
    struct session_wish wish;
    const char *file;
    int first_argument; /* of the file, in argv */
};

/** @return 0, or EXIT_USAGE */
static int parse_arguments(const struct command_line *line, const struct config *config,
                           struct arguments *arguments) {
    static const struct option s_options[] = {
        {"socket", required_argument, NULL, 's'}, {"worker", required_argument, NULL, 'w'}, {0}};
    int option;
    *arguments = (struct arguments){.wish.socket = config ? config->control : NULL};
    optind = 0;
    /* "+": what follows FILE is the file's. */
    while ((option = getopt_long(line->argc, line->argv, "+:s:", s_options, NULL)) != -1) {
        if (option == 's') {
            arguments->wish.socket = optarg;
        } else if (option == 'w') {
            arguments->wish.worker = optarg;
        } else {
            return usage_bad_option(line, option);
        }
    }
    if (line->argc - optind < 2) {
        return usage_say(line, "which application, and which file?", NULL);
    }
    arguments->wish.app = line->argv[optind];
    arguments->file = line->argv[optind + 1];
    arguments->first_argument = optind + 2;
    return usage_need_socket(line, arguments->wish.socket);
}

/** Read to the end. @return malloc'ed, or NULL */
static char *read_all(FILE *in, size_t *ret_size, struct error *err) {
    char *bytes = NULL, chunk[16384];
    size_t count;
    FILE *out = open_memstream(&bytes, ret_size);
    while (out && (count = fread(chunk, 1, sizeof chunk, in)) > 0) {
        fwrite(chunk, 1, count, out);
    }
    int why = ferror(in) ? errno : 0;
    if (!out || fclose(out) || why) {
        error_set_errno(err, why ? why : ENOMEM, "reading");
        free(bytes);
        return NULL;
    }
    return bytes;
}

/** The file's contents, read as the user who asks: the worker's may not be able to. */
static char *read_program(const char *file, size_t *ret_size, struct error *err) {
    bool is_stdin = strcmp(file, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(file, "rbe");
    if (!in) {
        error_set_errno(err, errno, "%s", file);
        return NULL;
    }
    char *program = read_all(in, ret_size, err);
    if (!program) {
        error_prefix(err, "%s", file);
    }
    if (!is_stdin) {
        fclose(in);
    }
    return program;
}

static int send_order(int fd, const struct command_line *line, const struct arguments *arguments,
                      const char *program, size_t size, struct error *err) {
    bool is_stdin = strcmp(arguments->file, "-") == 0;
    int rc = session_say(fd, SESSION_NAME, is_stdin ? "<stdin>" : arguments->file, err);
    for (int i = arguments->first_argument; rc == 0 && i < line->argc; i++) {
        rc = session_say(fd, SESSION_ARGUMENT, line->argv[i], err);
    }
    if (rc == 0) {
        rc = session_send(fd, SESSION_PROGRAM, program, size, err);
    }
    return rc ? -1 : session_say(fd, SESSION_START, "", err);
}

int exec_command(const struct command_line *line, const struct config *config) {
    struct arguments arguments;
    struct error err;
    size_t size = 0;
    if (parse_arguments(line, config, &arguments)) {
        return EXIT_USAGE;
    }
    char *program = read_program(arguments.file, &size, &err);
    if (!program) {
        fprintf(stderr, "fcgi_host exec: %s\n", err.text);
        return SESSION_NOT_RUN;
    }
    int status = SESSION_NOT_RUN;
    int fd = session_open(line, &arguments.wish);
    if (fd >= 0) {
        /* If the worker does not take it all, it says why. */
        send_order(fd, line, &arguments, program, size, &err);
        status = session_follow(line, fd);
        close(fd);
    }
    free(program);
    return status;
}
