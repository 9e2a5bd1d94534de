#include "fcgi_host/commands/session_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/file_bytes.h"
#include "fcgi_host/base/json_read.h"
#include "fcgi_host/commands/control_client.h"
#include "fcgi_host/status/terminal.h"

static void say(const struct command_line *line, const char *text) {
    fprintf(stderr, "fcgi_host %s: ", line->argv[0]);
    terminal_put(stderr, text, 0);
    fputs("\n", stderr);
}

/** @param fd  the worker's end  @return 0, or -1: it was said why */
static int pass_on(const struct command_line *line, const struct session_wish *wish, int fd) {
    const char *const words[] = {line->argv[0], wish->app, wish->worker};
    struct error err;
    size_t bytes = 0;
    char *answer = control_ask(wish->socket, &(struct control_words){words, wish->worker ? 3 : 2},
                               fd, &bytes, &err);
    json_t *json = answer ? json_parse(answer, bytes, &err) : NULL;
    bool is_passed = json && strcmp(json_get_string(json, "outcome"), "passed") == 0;
    if (is_passed) {
        fprintf(stderr, "fcgi_host %s: in worker %.0f\n", line->argv[0],
                json_get_number(json, "worker"));
    } else {
        say(line, json ? json_get_string(json, "why") : err.text);
    }
    json_decref(json);
    free(answer);
    return is_passed ? 0 : -1;
}

int session_open(const struct command_line *line, const struct session_wish *wish) {
    struct error err;
    int ends[2];
    if (session_pair(ends, &err)) {
        say(line, err.text);
        return -1;
    }
    int outcome = pass_on(line, wish, ends[1]);
    close(ends[1]);
    if (outcome != 0) {
        close(ends[0]);
        return -1;
    }
    return ends[0];
}

int session_say_failed(const struct command_line *line, const struct error *err) {
    say(line, err->code == ERR_CLOSED ? "the worker has ended" : err->text);
    return SESSION_FAILED;
}

int session_take_end(const struct command_line *line, const struct session_packet *packet) {
    if (packet->size > 1) {
        say(line, packet->bytes + 1);
    }
    return packet->size > 0 ? packet->bytes[0] - '0' : SESSION_FAILED;
}

int session_follow(const struct command_line *line, int fd) {
    struct session_packet packet;
    struct error err;
    while (session_receive(fd, &packet, &err) == 0) {
        int to = packet.type == SESSION_OUT ? STDOUT_FILENO : STDERR_FILENO;
        if (packet.type == SESSION_END) {
            return session_take_end(line, &packet);
        }
        if (file_bytes_write(to, packet.bytes, packet.size)) {
            error_set_errno(&err, errno, "writing");
            break;
        }
    }
    return session_say_failed(line, &err);
}
