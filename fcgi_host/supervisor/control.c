#include "fcgi_host/supervisor/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/base/control_protocol.h"
#include "fcgi_host/base/descriptor.h"
#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/socket_file.h"

enum {
    MAX_CLIENTS = 32,      /**< more than an operator and a monitor have; bounds descriptors */
    COMMAND_BYTES = 65536, /**< names of some hundred scripts */
    MAX_WORDS = 1024,
    CONTROL_MODE = 0600,
    COMMAND_TIMEOUT_MS = 5000, /**< to send the command, and to take the answer */
};

struct control_client {
    struct control_client *next;
    struct control *control;
    struct loop_source source;
    struct loop_timer timeout; /* while it waits for its answer: to say that it is not forgotten */
    char *command;             /* until it is complete */
    size_t command_bytes;
    int fd;     /* came along; -1: none */
    uid_t user; /* at the other end */
    char *answer;
    size_t answer_bytes, answer_sent;
    bool is_waiting; /* the command was handed on, the answer has not come */
};

struct control {
    struct loop *loop;
    struct control_hooks hooks;
    struct loop_source source;
    struct socket_file file;
    struct control_client *clients;
    unsigned client_count;
};

/* ---- Clients ---- */

static void client_free(struct control_client *client) {
    if (client->fd >= 0) {
        close(client->fd);
    }
    free(client->command);
    free(client->answer);
    free(client);
}

static void client_close(struct control_client *client) {
    struct control *control = client->control;
    struct control_client **link = &control->clients;
    while (*link != client) {
        link = &(*link)->next;
    }
    *link = client->next;
    control->client_count--;
    if (client->is_waiting) {
        control->hooks.gone(control->hooks.ctx, client);
    }
    loop_remove(control->loop, &client->source);
    loop_disarm(control->loop, &client->timeout);
    close(client->source.fd);
    client_free(client);
}

/** A client that waits cannot tell a host that is at work from one that hangs. */
static void send_sign_of_life(struct control_client *client) {
    if (send(client->source.fd, " ", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN && errno != EINTR) {
        client_close(client);
        return;
    }
    loop_arm(client->control->loop, &client->timeout, CONTROL_SIGN_OF_LIFE_MS);
}

static void client_timeout(void *ctx) {
    struct control_client *client = ctx;
    if (client->is_waiting) {
        send_sign_of_life(client);
    } else {
        client_close(client);
    }
}

static void send_answer(struct control_client *client) {
    ssize_t sent = send(client->source.fd, client->answer + client->answer_sent,
                        client->answer_bytes - client->answer_sent, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    client->answer_sent += sent > 0 ? (size_t)sent : 0;
    if (sent < 0 || client->answer_sent == client->answer_bytes) {
        client_close(client);
    }
}

int control_client_fd(const struct control_client *client) {
    return client->fd;
}

uid_t control_client_user(const struct control_client *client) {
    return client->user;
}

void control_answer(struct control_client *client, const char *text, size_t bytes) {
    client->is_waiting = false;
    client->answer = malloc(bytes + 1);
    if (!client->answer) {
        client_close(client);
        return;
    }
    memcpy(client->answer, text, bytes);
    client->answer[bytes] = '\n';
    client->answer_bytes = bytes + 1;
    loop_arm(client->control->loop, &client->timeout, COMMAND_TIMEOUT_MS);
    if (loop_change(client->control->loop, &client->source, EPOLLOUT, NULL)) {
        client_close(client);
    }
}

void control_answer_json(struct control_client *client, struct json_writer *json) {
    if (json->failed) {
        control_answer(client, "{}", 2);
    } else {
        control_answer(client, json->text, json->bytes);
    }
    free(json->text);
    *json = (struct json_writer){0};
}

void control_answer_outcome(struct control_client *client, const char *outcome, const char *why,
                            double total_ms) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    json_add_string(&json, "outcome", outcome);
    json_add_string(&json, "why", why);
    json_add_number(&json, "total_ms", total_ms);
    json_end_object(&json);
    control_answer_json(client, &json);
}

/** Split a complete command at newlines, in place, and call the hook. */
static void run_command(struct control_client *client) {
    struct control *control = client->control;
    char *words[MAX_WORDS], *rest = NULL;
    struct string_list list = {.items = words};
    for (char *word = strtok_r(client->command, "\n", &rest); word && list.count < MAX_WORDS;
         word = strtok_r(NULL, "\n", &rest)) {
        words[list.count++] = word;
    }
    if (list.count == 0) {
        client_close(client);
        return;
    }
    loop_arm(control->loop, &client->timeout, CONTROL_SIGN_OF_LIFE_MS);
    client->is_waiting = true;
    control->hooks.command(control->hooks.ctx, client, &list);
}

static void read_command(struct control_client *client) {
    int fd = -1;
    bool is_cut;
    ssize_t count = descriptor_receive(client->source.fd, client->command + client->command_bytes,
                                       COMMAND_BYTES - client->command_bytes, &fd, &is_cut);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (fd >= 0 && client->fd < 0) {
        client->fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    if (count <= 0) {
        client_close(client);
        return;
    }
    client->command_bytes += (size_t)count;
    client->command[client->command_bytes] = '\0';
    if (strstr(client->command, "\n\n")) {
        run_command(client);
    } else if (client->command_bytes == COMMAND_BYTES ||
               strlen(client->command) != client->command_bytes) {
        client_close(client); /* too long, or not text */
    }
}

static void client_ready(void *ctx, uint32_t events) {
    struct control_client *client = ctx;
    if (client->answer) {
        send_answer(client);
    } else if (client->is_waiting) {
        /* More input is too late; a client that only closed its sending side still reads. */
        if (events & (EPOLLHUP | EPOLLERR) ||
            loop_change(client->control->loop, &client->source, 0, NULL)) {
            client_close(client);
        }
    } else {
        read_command(client);
    }
}

/** @param[out] ret_user  who that is */
static bool is_allowed(int fd, uid_t *ret_user) {
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes)) {
        return false;
    }
    *ret_user = peer.uid;
    if (peer.uid != 0 && peer.uid != geteuid()) {
        log_line(LOG_WARN, "control.refused", NULL, "process %d of user %u may not control this",
                 (int)peer.pid, (unsigned)peer.uid);
        return false;
    }
    return true;
}

static struct control_client *client_new(struct control *control, int fd, uid_t user) {
    struct control_client *client = calloc(1, sizeof *client);
    if (client) {
        client->command = malloc(COMMAND_BYTES + 1);
    }
    if (!client || !client->command) {
        free(client);
        return NULL;
    }
    client->control = control;
    client->fd = -1;
    client->user = user;
    client->source = (struct loop_source){.fd = fd, .ready = client_ready, .ctx = client};
    client->timeout = (struct loop_timer){.expired = client_timeout, .ctx = client};
    return client;
}

static void connection_ready(void *ctx, uint32_t events) {
    struct control *control = ctx;
    (void)events;
    int fd = accept4(control->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return;
    }
    struct control_client *client = NULL;
    uid_t user;
    if (control->client_count < MAX_CLIENTS && is_allowed(fd, &user)) {
        client = client_new(control, fd, user);
    }
    if (!client || loop_add(control->loop, &client->source, EPOLLIN, NULL)) {
        close(fd);
        if (client) {
            client_free(client);
        }
        return;
    }
    client->next = control->clients;
    control->clients = client;
    control->client_count++;
    loop_arm(control->loop, &client->timeout, COMMAND_TIMEOUT_MS);
}

/* ---- The socket ---- */

int control_path(const char *template, long pid, char *path, size_t path_bytes, struct error *err) {
    const char *mark = strstr(template, "%p");
    int length = mark ? snprintf(path, path_bytes, "%.*s%ld%s", (int)(mark - template), template,
                                 pid, mark + 2)
                      : snprintf(path, path_bytes, "%s", template);
    if (length < 1 || (size_t)length >= path_bytes) {
        return error_set(err, ERR_USAGE, "control: \"%s\" is empty or too long for a socket",
                         template);
    }
    return 0;
}

static int listen_at(struct control *control, const char *path, struct error *err) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_set_errno(err, errno, "socket");
    }
    if (socket_file_bind(&control->file, fd, path, CONTROL_MODE, err)) {
        close(fd);
        if (err->sys_errno == EADDRINUSE) {
            error_set(err, ERR_BUSY, "another process listens at %s", path);
        }
        return error_prefix(err, "control");
    }
    control->source = (struct loop_source){.fd = fd, .ready = connection_ready, .ctx = control};
    if (listen(fd, MAX_CLIENTS)) {
        error_set_errno(err, errno, "control: %s", path);
    } else if (loop_add(control->loop, &control->source, EPOLLIN, err) == 0) {
        return 0;
    }
    close(fd);
    socket_file_remove(&control->file);
    return -1;
}

struct control *control_new(struct loop *loop, const char *path, const struct control_hooks *hooks,
                            struct error *err) {
    struct control *control = calloc(1, sizeof *control);
    if (!control) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    control->loop = loop;
    control->hooks = *hooks;
    char address[sizeof((struct sockaddr_un *)0)->sun_path];
    if (control_path(path, getpid(), address, sizeof address, err) ||
        listen_at(control, address, err)) {
        free(control);
        return NULL;
    }
    return control;
}

void control_free(struct control *control) {
    if (!control) {
        return;
    }
    while (control->clients) {
        client_close(control->clients); // NOLINT(clang-analyzer-unix.Malloc): unlinks it first
    }
    loop_remove(control->loop, &control->source);
    close(control->source.fd);
    socket_file_remove(&control->file);
    free(control);
}
