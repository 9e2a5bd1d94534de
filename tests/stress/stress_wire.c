/*
 * Many web servers at once, each with its own bad habits: requests cut into pieces at random
 * places, several in one go, aborted, left in the middle, bodies that nobody reads, responses
 * larger than any buffer.  What comes back must be right to the byte; nothing may hang.
 *
 *     stress_wire [SECONDS [CLIENTS]]
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/request.h"
#include "tests/support/serving.h"
#include "tests/support/web_server.h"

enum { PATTERN_BYTES = 1 << 20, LARGE_BYTES = 700000, PATIENCE_MS = 60000 };

static uint8_t s_pattern[PATTERN_BYTES];
static const char *s_path;
static atomic_bool s_is_over;
static _Atomic unsigned long s_answered, s_aborted, s_left;

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "stress_wire: %s\n", what);
        abort();
    }
}

/* ---- The application: the first letter of REQUEST_URI says what to do ---- */

static int send_all(struct request *request, const void *bytes, size_t size, unsigned flags) {
    struct iovec part = {(void *)bytes, size};
    int result = request_send(request, &part, 1, flags, NULL);
    return result == 1 ? request_flush(request, NULL) : result;
}

static ssize_t read_some(struct request *request, uint8_t *buffer, size_t size) {
    struct error err;
    ssize_t n = request_read_ready(request, buffer, size, &err);
    return n < 0 && err.code == ERR_BUSY ? request_read(request, buffer, size, &err) : n;
}

/* Back what comes: while it comes, or when it is there. */
static int echo(struct request *request, bool streams) {
    uint8_t *body = malloc(PATTERN_BYTES + 1);
    size_t used = 0;
    ssize_t n;
    int result = 0;
    while ((n = read_some(request, body + used, PATTERN_BYTES + 1 - used)) > 0 && result == 0) {
        if (streams) {
            result = send_all(request, body + used, (size_t)n, 0);
        }
        used += (size_t)n;
    }
    if (n < 0) {
        result = -1;
    }
    if (result == 0 && !streams) {
        result = send_all(request, body, used, SEND_LAST);
    }
    free(body);
    return result;
}

static void handle(struct request *request) {
    const struct param *uri = request_param(request, "REQUEST_URI");
    char what = uri && uri->value_bytes > 0 ? uri->value[0] : 'h';
    int result = 0;
    switch (what) {
    case 'e':
        result = echo(request, false);
        break;
    case 's':
        result = echo(request, true);
        break;
    case 'l': /* writes first, reads nothing */
        result =
            send_all(request, s_pattern, LARGE_BYTES / 2, 0) < 0 ||
                    request_send_stderr(request, "between", 7, NULL) < 0 ||
                    send_all(request, s_pattern + LARGE_BYTES / 2, LARGE_BYTES / 2, SEND_LAST) < 0
                ? -1
                : 0;
        break;
    default:
        result = send_all(request, "hello", 5, SEND_LAST);
    }
    /* Aborted ones are ended too, so that the connection can go on. */
    bool cut = result < 0 && !request_is_aborted(request);
    request_finish(request, cut ? REQUEST_CUT : REQUEST_COMPLETE, 0);
}

/* ---- A web server ---- */

struct web {
    unsigned seed;
    int fd;
    struct web_bytes out;
    struct web_answer answer;
};

static unsigned pick(struct web *w, unsigned below) {
    return (unsigned)rand_r(&w->seed) % below;
}

struct asked {
    char what;
    uint16_t id;
    const uint8_t *body;
    size_t size;
};

static size_t pick_size(struct web *w) {
    static const size_t edges[] = {0, 1, 65535, 65536, 65537};
    switch (pick(w, 4)) {
    case 0:
        return edges[pick(w, 5)];
    case 1:
        return pick(w, 400000);
    default:
        return pick(w, 3000);
    }
}

static struct asked build(struct web *w, uint8_t flags, size_t size) {
    struct asked asked = {
        .what = "eslh"[pick(w, 4)], .id = (uint16_t)(1 + pick(w, 3)), .size = size};
    asked.body = s_pattern + pick(w, PATTERN_BYTES - 400000);
    char uri[2] = {asked.what, 0}, length[24];
    snprintf(length, sizeof length, "%zu", asked.size);
    const char *const pairs[] = {"REQUEST_URI", uri, "CONTENT_LENGTH", pick(w, 4) ? length : "",
                                 NULL};
    web_begin(&w->out, asked.id, WEB_RESPONDER, flags);
    web_params(&w->out, asked.id, pairs);
    web_record(&w->out, WEB_PARAMS, asked.id, NULL, 0, (uint8_t)pick(w, 9));
    for (size_t at = 0; at < asked.size;) {
        size_t here = 1 + pick(w, pick(w, 3) ? 65535 : 300);
        here = here < asked.size - at ? here : asked.size - at;
        web_record(&w->out, WEB_STDIN, asked.id, asked.body + at, here, (uint8_t)pick(w, 256));
        at += here;
    }
    web_record(&w->out, WEB_STDIN, asked.id, NULL, 0, (uint8_t)pick(w, 9));
    return asked;
}

/* The first `size` bytes of what was built, in pieces. @return false when the peer closed */
static bool send_pieces(struct web *w, size_t size) {
    bool sent = true;
    for (size_t at = 0; at < size && sent;) {
        size_t piece = pick(w, 3) ? size : 1 + pick(w, 5000);
        struct web_bytes part = {w->out.bytes + at, piece < size - at ? piece : size - at, 0};
        sent = web_send(w->fd, &part);
        at += part.size;
        if (pick(w, 2)) {
            sched_yield();
        }
    }
    return sent;
}

static void check(struct web *w, const struct asked *asked) {
    const struct web_answer *answer = &w->answer;
    const uint8_t *expected = asked->what == 'l' ? s_pattern : asked->body;
    size_t size = asked->what == 'l' ? LARGE_BYTES : asked->size;
    if (asked->what == 'h') {
        expected = (const uint8_t *)"hello";
        size = 5;
    }
    require(answer->ended && answer->out_ended, "no end of the response");
    require(answer->protocol_status == 0 && answer->app_status == 0, "a wrong status");
    require(answer->out.size == size, "a response of the wrong length");
    require(size == 0 || memcmp(answer->out.bytes, expected, size) == 0,
            "a response with wrong bytes");
    require(answer->err.size == (asked->what == 'l' ? 7 : 0), "FCGI_STDERR is wrong");
    atomic_fetch_add(&s_answered, 1);
}

/* Some requests, sent one by one or all at once, answered in order. */
static void ask(struct web *w) {
    struct asked asked[4];
    unsigned count = 1 + pick(w, 4);
    bool keeps = count > 1 || pick(w, 2), at_once = pick(w, 2);
    for (unsigned i = 0; i < count; i++) {
        /* At once only as much as a socket holds: this peer does not read while it sends. */
        asked[i] = build(w, keeps ? WEB_KEEP : 0, at_once ? pick(w, 3000) : pick_size(w));
        if (at_once && i + 1 < count) {
            continue;
        }
        bool sent = send_pieces(w, w->out.size);
        require(sent, "closed while a request was sent");
        w->out.size = 0;
        for (unsigned k = at_once ? 0 : i; k <= i; k++) {
            if (asked[k].id == 0) {
                continue; /* answered */
            }
            web_answer_next(&w->answer);
            require(web_receive(w->fd, asked[k].id, PATIENCE_MS, &w->answer), "no answer");
            check(w, &asked[k]);
            asked[k].id = 0;
        }
    }
}

/* Abort after some of it; the end must come, with or without a response. */
static void abort_request(struct web *w) {
    struct asked asked = build(w, WEB_KEEP, pick_size(w));
    size_t records = 0, size = 16;
    while (size < w->out.size && (records == 0 || pick(w, 4))) { /* whole records */
        const uint8_t *header = w->out.bytes + size;
        size += 8u + ((size_t)header[4] << 8 | header[5]) + header[6];
        records++;
    }
    bool sent = send_pieces(w, size);
    w->out.size = 0;
    web_record(&w->out, WEB_ABORT, asked.id, NULL, 0, 0);
    require(sent && web_send(w->fd, &w->out), "closed while a request was aborted");
    w->out.size = 0;
    web_answer_next(&w->answer);
    require(web_receive(w->fd, asked.id, PATIENCE_MS, &w->answer), "no answer to an abort");
    require(w->answer.ended, "closed instead of an answer to an abort");
    atomic_fetch_add(&s_aborted, 1);
}

/* Go away in the middle, perhaps after sending nonsense. */
static void leave(struct web *w) {
    build(w, (uint8_t)pick(w, 2), pick_size(w));
    if (pick(w, 3) == 0) {
        w->out.bytes[pick(w, (unsigned)w->out.size)] ^= (uint8_t)(1 + pick(w, 255));
    }
    send_pieces(w, pick(w, (unsigned)w->out.size));
    w->out.size = 0;
    atomic_fetch_add(&s_left, 1);
}

static void *run_web(void *arg) {
    struct web w = {.seed = (unsigned)(uintptr_t)arg};
    while (!atomic_load(&s_is_over)) {
        w.fd = web_connect(s_path);
        require(w.fd >= 0, "cannot connect");
        unsigned what = pick(&w, 10);
        for (unsigned i = what < 2 ? 1 + pick(&w, 3) : 0; i > 0; i--) {
            abort_request(&w);
        }
        if (what < 8) {
            ask(&w);
        } else {
            leave(&w);
        }
        close(w.fd);
        web_answer_free(&w.answer);
    }
    web_free(&w.out);
    return NULL;
}

int main(int argc, char **argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 10, clients = argc > 2 ? atoi(argv[2]) : 16;
    pthread_t threads[256];
    require(clients > 0 && clients <= 256, "1 to 256 clients");
    for (size_t i = 0; i < PATTERN_BYTES; i++) {
        s_pattern[i] = (uint8_t)(i * 17 + i / 509);
    }
    struct serving *serving = serving_start(NULL, 6, handle);
    s_path = serving_path(serving);
    for (int i = 0; i < clients; i++) {
        require(pthread_create(&threads[i], NULL, run_web, (void *)(uintptr_t)(i + 1)) == 0,
                "pthread_create");
    }
    nanosleep(&(struct timespec){seconds, 0}, NULL);
    atomic_store(&s_is_over, true);
    for (int i = 0; i < clients; i++) {
        pthread_join(threads[i], NULL);
    }
    serving_stop(serving); /* waits until every connection is closed */
    printf("%lu answered, %lu aborted, %lu left\n", atomic_load(&s_answered),
           atomic_load(&s_aborted), atomic_load(&s_left));
    require(s_answered > 0 && s_aborted > 0 && s_left > 0, "one kind never happened");
    return 0;
}
