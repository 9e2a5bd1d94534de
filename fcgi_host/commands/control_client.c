#include "fcgi_host/commands/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/base/control_protocol.h"
#include "fcgi_host/base/descriptor.h"

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

/** @param fd  goes along with the first byte; -1: none */
static int send_text(int control, const char *text, size_t bytes, int fd, struct error *err) {
    while (bytes > 0) {
        const struct iovec part = {(void *)text, bytes};
        ssize_t sent = descriptor_send(control, &part, 1, fd);
        if (sent < 0) {
            return set_failed(err, "control socket");
        }
        fd = -1;
        text += sent;
        bytes -= (size_t)sent;
    }
    return 0;
}

/** One word a line, an empty line at the end (control_protocol.h). */
static int send_command(int control, const struct control_words *words, int fd, struct error *err) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < words->count; i++) {
        fprintf(out, "%s\n", words->items[i]);
    }
    fputs("\n", out);
    int outcome = fclose(out) ? error_set(err, ERR_MEMORY, "out of memory")
                              : send_text(control, text, bytes, fd, err);
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

char *control_ask(const char *socket, const struct control_words *words, int fd, size_t *ret_bytes,
                  struct error *err) {
    char *answer = NULL;
    int control = connect_to(socket, err);
    if (control < 0) {
        return NULL;
    }
    if (send_command(control, words, fd, err) == 0) {
        answer = receive_all(control, ret_bytes, err);
    }
    if (answer && *ret_bytes == 0) {
        error_set(err, ERR_CLOSED, "the host refused or ended without an answer");
        free(answer);
        answer = NULL;
    }
    close(control);
    return answer;
}

json_t *control_ask_json(const char *socket, const struct control_words *words, struct error *err) {
    size_t bytes = 0;
    char *answer = control_ask(socket, words, -1, &bytes, err);
    json_t *json = answer ? json_parse(answer, bytes, err) : NULL;
    free(answer);
    return json;
}
