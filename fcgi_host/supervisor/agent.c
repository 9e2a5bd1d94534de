#include "fcgi_host/supervisor/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/supervisor/listener.h"

enum {
    KEPT_MAX = 64,        /**< more than there are load balancers; bounds descriptors */
    KEPT_MS = 1000,       /**< to read a line that has been sent */
    SENT_BYTES = 4096,    /**< that a peer may send meanwhile */
    ACCEPTED_A_TURN = 16, /**< then others have their turn */
    RETRY_MS = 1000,      /**< when there is no descriptor for another connection */
};

/** A connection that has its line. */
struct kept {
    TAILQ_ENTRY(kept) link; /* the oldest first */
    struct agent *agent;
    struct loop_source source;
    struct loop_timer timeout;
    size_t received_bytes;
};

struct agent {
    struct loop *loop;
    struct agent_hooks hooks;
    struct listener listener;
    struct loop_source source;
    struct loop_timer retry;
    TAILQ_HEAD(, kept) kept;
    unsigned kept_count;
};

static void kept_close(struct kept *kept) {
    struct agent *agent = kept->agent;
    TAILQ_REMOVE(&agent->kept, kept, link);
    agent->kept_count--;
    loop_remove(agent->loop, &kept->source);
    loop_disarm(agent->loop, &kept->timeout);
    close(kept->source.fd);
    free(kept);
}

static void kept_timeout(void *ctx) {
    kept_close(ctx);
}

static void kept_ready(void *ctx, uint32_t events) {
    struct kept *kept = ctx;
    char unread[1024];
    ssize_t count = recv(kept->source.fd, unread, sizeof unread, MSG_DONTWAIT);
    (void)events;
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    kept->received_bytes += count > 0 ? (size_t)count : 0;
    if (count <= 0 || kept->received_bytes > SENT_BYTES) {
        kept_close(kept);
    }
}

/** @param fd  taken over */
static void keep(struct agent *agent, int fd) {
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept) {
        close(fd);
        return;
    }
    if (agent->kept_count == KEPT_MAX) {
        kept_close(TAILQ_FIRST(&agent->kept));
    }
    kept->agent = agent;
    kept->source = (struct loop_source){.fd = fd, .ready = kept_ready, .ctx = kept};
    kept->timeout = (struct loop_timer){.expired = kept_timeout, .ctx = kept};
    if (loop_add(agent->loop, &kept->source, EPOLLIN, NULL) != 0) {
        close(fd);
        free(kept);
        return;
    }
    TAILQ_INSERT_TAIL(&agent->kept, kept, link);
    agent->kept_count++;
    loop_arm(agent->loop, &kept->timeout, KEPT_MS);
}

static void answer(struct agent *agent, int fd) {
    char text[AGENT_TEXT_BYTES];
    agent->hooks.say(agent->hooks.ctx, text);
    size_t size = strlen(text);
    bool has_gone = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size ||
                    shutdown(fd, SHUT_WR) != 0;
    if (has_gone) {
        close(fd);
    } else {
        keep(agent, fd);
    }
}

/** Connections wait until there are descriptors: not looking meanwhile is the pause. */
static void pause_accepting(struct agent *agent) {
    loop_change(agent->loop, &agent->source, 0, NULL);
    loop_arm(agent->loop, &agent->retry, RETRY_MS);
}

static void accept_again(void *ctx) {
    struct agent *agent = ctx;
    loop_change(agent->loop, &agent->source, EPOLLIN, NULL);
}

static void connection_ready(void *ctx, uint32_t events) {
    struct agent *agent = ctx;
    (void)events;
    for (int i = 0; i < ACCEPTED_A_TURN; i++) {
        int fd = accept4(agent->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            answer(agent, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(agent);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else: one that has gone again */
    }
}

struct agent *agent_new(struct loop *loop, const char *address, const struct agent_hooks *hooks,
                        struct error *err) {
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    agent->loop = loop;
    agent->hooks = *hooks;
    agent->retry = (struct loop_timer){.expired = accept_again, .ctx = agent};
    TAILQ_INIT(&agent->kept);
    if (listener_open(&agent->listener, address, err) != 0) {
        free(agent);
        return NULL;
    }
    agent->source =
        (struct loop_source){.fd = agent->listener.fd, .ready = connection_ready, .ctx = agent};
    if (loop_add(loop, &agent->source, EPOLLIN, err) != 0) {
        listener_close(&agent->listener);
        free(agent);
        return NULL;
    }
    return agent;
}

void agent_free(struct agent *agent) {
    if (!agent) {
        return;
    }
    while (!TAILQ_EMPTY(&agent->kept)) {
        kept_close(TAILQ_FIRST(&agent->kept)); // NOLINT(clang-analyzer-unix.Malloc): unlinks it
    }
    loop_disarm(agent->loop, &agent->retry);
    loop_remove(agent->loop, &agent->source);
    listener_close(&agent->listener);
    free(agent);
}
