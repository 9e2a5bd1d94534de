#include "bench/load_clients.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "pool/base/clock.h"

enum {
    EVENTS = 256,
    READ_BYTES = 256 * 1024,
    NS_PER_MS = 1000000,
    RETRY_NS = NS_PER_MS, /* a server that is away is not asked in a hot loop */
};
static const uint64_t STARVED_NS = 1000ull * NS_PER_MS; /* waiting longer than this at the end */

struct client {
    int fd; /**< -1: none */
    bool is_busy;
    uint64_t began_ns; /**< of its request */
    uint64_t retry_ns; /**< when to connect again; 0: not waiting for that */
    size_t sent;       /**< bytes of the request */
    uint64_t finished; /**< answers on this connection */
    struct load_answer answer;
};

struct load {
    const struct load_options *options;
    struct load_result *result;
    int epoll_fd;
    struct client *clients;
    unsigned waiting; /**< clients with retry_ns */
    uint64_t measure_ns, end_ns;
    uint8_t buffer[READ_BYTES];
};

static struct load_interval *interval_at(struct load *load, uint64_t ns) {
    static struct load_interval nowhere;
    uint64_t ms = (ns - load->result->began_ns) / NS_PER_MS;
    size_t at = load->options->timeline_ms ? ms / load->options->timeline_ms : SIZE_MAX;
    return at < load->result->timeline_count ? &load->result->timeline[at] : &nowhere;
}

static void disconnect(struct client *client) {
    if (client->fd >= 0) {
        close(client->fd);
    }
    client->fd = -1;
    client->finished = 0;
}

static void retry_later(struct load *load, struct client *client) {
    disconnect(client);
    client->retry_ns = clock_now_ns() + RETRY_NS;
    load->waiting++;
}

static void fail(struct load *load, struct client *client, enum load_fault fault) {
    load->result->faults[fault]++;
    interval_at(load, clock_now_ns())->failed++;
    client->is_busy = false;
    retry_later(load, client);
}

/* @return whether there is a connection; else it is tried again later */
static bool connect_client(struct load *load, struct client *client) {
    const struct load_options *options = load->options;
    const struct sockaddr *address = (const struct sockaddr *)&options->address;
    client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        fail(load, client, FAULT_CONNECT);
        return false;
    }
    if (address->sa_family == AF_INET) {
        int on = 1;
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    if (connect(client->fd, address, options->address_bytes) < 0 && errno != EINPROGRESS) {
        if (errno == EAGAIN) { /* unix(7): the listen queue is full; the request waits */
            retry_later(load, client);
        } else {
            fail(load, client, FAULT_CONNECT);
        }
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = client};
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0) {
        fail(load, client, FAULT_CONNECT);
        return false;
    }
    return true;
}

/* Send what the socket takes.  After an error there may be an answer to read all the same: the
 * event that comes with it decides. */
static void send_more(struct load *load, struct client *client) {
    const struct load_options *options = load->options;
    while (client->sent < options->request_bytes) {
        ssize_t n = send(client->fd, options->request + client->sent,
                         options->request_bytes - client->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return;
        }
        client->sent += n > 0 ? (size_t)n : 0;
    }
}

static void send_request(struct load *load, struct client *client) {
    client->sent = 0;
    load_answer_begin(&client->answer, &load->options->expected);
    if (client->fd >= 0 || connect_client(load, client)) {
        send_more(load, client);
    }
}

static void ask(struct load *load, struct client *client) {
    client->is_busy = true;
    client->began_ns = clock_now_ns();
    send_request(load, client);
}

static void finish(struct load *load, struct client *client) {
    struct load_result *result = load->result;
    uint64_t now = clock_now_ns(), took = now - client->began_ns;
    unsigned text = 0;
    enum load_fault fault = load_answer_judge(&client->answer, &text);
    if (fault != FAULT_NONE) {
        fail(load, client, fault);
        return;
    }
    struct load_interval *interval = interval_at(load, now);
    interval->answers[text]++;
    interval->slowest_ns = took > interval->slowest_ns ? took : interval->slowest_ns;
    result->asked++;
    if (now >= load->measure_ns && now < load->end_ns) {
        histogram_add(&result->times, took);
    }
    client->finished++;
    if (!load->options->keep_open) {
        disconnect(client);
    }
    ask(load, client);
}

static void was_closed(struct load *load, struct client *client) {
    if (client->finished > 0 && !client->answer.has_begun) {
        load->result->retried++;
        disconnect(client);
        send_request(load, client);
    } else {
        fail(load, client, FAULT_CLOSED);
    }
}

/* Read until there is no more; `is_last`: the end of the connection is among it. */
static void receive(struct load *load, struct client *client, bool is_last) {
    int fd = client->fd;
    while (client->fd == fd && client->is_busy) {
        ssize_t n = recv(fd, load->buffer, sizeof load->buffer, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            was_closed(load, client);
            return;
        }
        int taken = load_answer_take(&client->answer, load->buffer, (size_t)n);
        if (taken < 0) {
            fail(load, client, FAULT_RECORD);
            return;
        }
        if (taken > 0) {
            uint64_t before = client->finished;
            finish(load, client);
            if (client->finished != before + 1) {
                return; /* another connection, be it with the same number */
            }
        }
        if ((size_t)n < sizeof load->buffer && !is_last) {
            return;
        }
    }
}

static void retry(struct load *load, uint64_t now) {
    for (unsigned i = 0; load->waiting > 0 && i < load->options->connections; i++) {
        struct client *client = &load->clients[i];
        if (client->retry_ns != 0 && client->retry_ns <= now) {
            client->retry_ns = 0;
            load->waiting--;
            if (client->is_busy) {
                send_request(load, client);
            } else {
                ask(load, client);
            }
        }
    }
}

static void serve_events(struct load *load) {
    struct epoll_event events[EVENTS];
    uint64_t now;
    while ((now = clock_now_ns()) < load->end_ns) {
        int left_ms = (int)((load->end_ns - now) / NS_PER_MS) + 1;
        int n = epoll_wait(load->epoll_fd, events, EVENTS, load->waiting > 0 ? 1 : left_ms);
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                send_more(load, client);
            }
            if (events[i].events & ~(uint32_t)EPOLLOUT) {
                receive(load, client, events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
            }
        }
        retry(load, clock_now_ns());
    }
}

static void count_starved(struct load *load) {
    uint64_t now = clock_now_ns();
    for (unsigned i = 0; i < load->options->connections; i++) {
        const struct client *client = &load->clients[i];
        if (client->is_busy && now - client->began_ns > STARVED_NS) {
            load->result->starved++;
        }
    }
}

int load_run(const struct load_options *options, struct load_result *ret) {
    struct load *load = calloc(1, sizeof *load);
    int result = -1;
    *ret = (struct load_result){.began_ns = clock_now_ns(), .seconds_ns = options->measured_ns};
    if (options->timeline_ms > 0) {
        uint64_t ms = (options->warm_up_ns + options->measured_ns) / NS_PER_MS;
        ret->timeline_count = ms / options->timeline_ms + 1;
        ret->timeline = calloc(ret->timeline_count, sizeof *ret->timeline);
    }
    if (!load || (options->timeline_ms > 0 && !ret->timeline)) {
        goto out;
    }
    load->options = options;
    load->result = ret;
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    load->clients = calloc(options->connections, sizeof *load->clients);
    if (load->epoll_fd < 0 || !load->clients) {
        goto out;
    }
    load->measure_ns = ret->began_ns + options->warm_up_ns;
    load->end_ns = load->measure_ns + options->measured_ns;
    for (unsigned i = 0; i < options->connections; i++) {
        load->clients[i].fd = -1;
        ask(load, &load->clients[i]);
    }
    serve_events(load);
    count_starved(load);
    for (unsigned i = 0; i < options->connections; i++) {
        disconnect(&load->clients[i]);
    }
    result = 0;
out:
    if (load) {
        if (load->epoll_fd > 0) {
            close(load->epoll_fd);
        }
        free(load->clients);
    }
    free(load);
    return result;
}

void load_result_free(struct load_result *result) {
    free(result->timeline);
    result->timeline = NULL;
}
