#include "fcgi_host/commands/control.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/base/control_protocol.h"
#include "fcgi_host/base/json_read.h"
#include "fcgi_host/commands/usage.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/status/table.h"
#include "fcgi_host/status/terminal.h"

enum { EXIT_DONE = 0, EXIT_NOT_DONE = 1 };

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
    if (!arguments->socket) {
        return usage_say(line, "which host? Name its control socket: -s SOCKET", NULL);
    }
    return 0;
}

/** The host is there, but does nothing: stopped, or its queue of connections is full. */
static int set_failed(struct error *err, const char *what) {
    if (errno != EAGAIN) {
        return error_set_errno(err, errno, "%s", what);
    }
    return error_set(err, ERR_TIMEOUT, "no sign of life from the host within %d s",
                     CONTROL_SILENCE_MS / 1000);
}

/** Nothing waits longer than that for the other side. */
static void limit_silence(int fd) {
    const struct timeval limit = {.tv_sec = CONTROL_SILENCE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int connect_to(const char *path, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        return error_set(err, ERR_USAGE, "%s: too long for a socket", path);
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set_errno(err, errno, "socket");
    }
    limit_silence(fd);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address)) {
        set_failed(err, path);
        close(fd);
        return -1;
    }
    return fd;
}

static int send_text(int fd, const char *text, size_t bytes, struct error *err) {
    while (bytes > 0) {
        ssize_t sent = send(fd, text, bytes, MSG_NOSIGNAL);
        if (sent < 0) {
            return set_failed(err, "control socket");
        }
        text += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

/** One word a line, an empty line at the end (control_protocol.h). */
static int send_command(int fd, const struct command_line *line, int first_name,
                        struct error *err) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    fprintf(out, "%s\n", line->argv[0]);
    for (int i = first_name; i < line->argc; i++) {
        fprintf(out, "%s\n", line->argv[i]);
    }
    fputs("\n", out);
    int outcome =
        fclose(out) ? error_set(err, ERR_MEMORY, "out of memory") : send_text(fd, text, bytes, err);
    free(text);
    return outcome;
}

/** Read to the end of the stream. @return malloc'ed, NUL-terminated, or NULL */
static char *receive_all(int fd, size_t *ret_bytes, struct error *err) {
    char *text = NULL, chunk[16384];
    FILE *out = open_memstream(&text, ret_bytes);
    ssize_t count = -1;
    while (out && (count = recv(fd, chunk, sizeof chunk, 0)) > 0) {
        fwrite(chunk, 1, (size_t)count, out);
    }
    if (count < 0) {
        set_failed(err, "control socket");
    }
    if (!out || fclose(out) || count < 0) {
        free(text);
        return NULL;
    }
    return text;
}

/** @return the answer, malloc'ed, or NULL */
static char *ask_host(const struct command_line *line, const struct arguments *arguments,
                      size_t *ret_bytes, struct error *err) {
    char *answer = NULL;
    int fd = connect_to(arguments->socket, err);
    if (fd < 0) {
        return NULL;
    }
    if (send_command(fd, line, arguments->first_name, err) == 0) {
        answer = receive_all(fd, ret_bytes, err);
    }
    if (answer && *ret_bytes == 0) {
        error_set(err, ERR_CLOSED, "the host refused or ended without an answer");
        free(answer);
        answer = NULL;
    }
    close(fd);
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
