/*
 * Requests taken from their serving threads at any moment (hold.h): while they send, wait for the
 * peer, read, or do nothing.  Each response is whole, cut, or the taker's, and the connection goes
 * on.
 *
 *     stress_takeover [SECONDS [CLIENTS]]
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/connection.h"
#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/fastcgi/request.h"
#include "tests/support/serving.h"
#include "tests/support/web_server.h"

enum { SERVING = 6, PIECES = 8, PIECE_BYTES = 60000, PATIENCE_MS = 60000 };

static struct request_hold s_holds[SERVING];
static _Atomic uint64_t s_numbers[SERVING];
static atomic_uint s_threads;
static _Thread_local int tl_index = -1;
static uint8_t s_piece[PIECE_BYTES];
static const char *s_path;
static atomic_bool s_is_over;
static _Atomic unsigned long s_whole, s_cut, s_replaced, s_lost, s_looks;

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "stress_takeover: %s\n", what);
        abort();
    }
}

/* ---- The serving threads ---- */

static void idle(unsigned *seed) {
    for (int i = rand_r(seed) % 20; i > 0; i--) {
        sched_yield();
    }
}

/* @return whether the request is still this thread's */
static bool send_piece(struct request_hold *hold, struct request *request, unsigned flags) {
    uint8_t *own = malloc(PIECE_BYTES); /* freed at once: nobody may send from it later */
    struct iovec part = {own, PIECE_BYTES};
    struct error err;
    memcpy(own, s_piece, PIECE_BYTES);
    bool is_mine = hold_enter(hold);
    if (is_mine) {
        if (request_send(request, &part, 1, flags, &err) == 1) {
            request_flush(request, &err);
        }
        hold_leave(hold);
    }
    free(own);
    return is_mine;
}

static bool read_body(struct request_hold *hold, struct request *request) {
    uint8_t buffer[5000];
    struct error err;
    ssize_t n = 0;
    do {
        if (!hold_enter(hold)) {
            return false;
        }
        n = request_read(request, buffer, sizeof buffer, &err);
        hold_leave(hold);
    } while (n > 0);
    return true;
}

static void handle(struct request *request) {
    if (tl_index < 0) {
        tl_index = (int)atomic_fetch_add(&s_threads, 1);
    }
    struct request_hold *hold = &s_holds[tl_index];
    uint64_t number = atomic_load(&s_numbers[tl_index]) + 1;
    unsigned seed = (unsigned)number * 31u + (unsigned)tl_index;
    request->hold = hold;
    hold_begin(hold, request, number, "POST /");
    atomic_store(&s_numbers[tl_index], number);
    hold_leave(hold);
    bool is_mine = read_body(hold, request);
    for (int i = 0; i < PIECES && is_mine; i++) {
        idle(&seed);
        is_mine = send_piece(hold, request, i + 1 == PIECES ? SEND_LAST : 0);
    }
    idle(&seed);
    if (hold_end(hold)) {
        request_finish(request, REQUEST_COMPLETE, 0);
    } else {
        atomic_fetch_add(&s_lost, 1);
    }
}

/* ---- The taker ---- */

static void answer(struct request *request) {
    struct iovec part = {(void *)"taken", 5};
    struct error err;
    switch (request_take_over(request)) {
    case REQUEST_UNANSWERED:
        request_send(request, &part, 1, SEND_LAST, &err);
        request_finish(request, REQUEST_COMPLETE, 0);
        break;
    case REQUEST_HALF_SENT:
        request_finish(request, REQUEST_CUT, 0);
        break;
    case REQUEST_ANSWERED:
        request_finish(request, REQUEST_COMPLETE, 0);
        break;
    }
}

static void *take(void *arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&s_is_over)) {
        int index = rand_r(&seed) % SERVING;
        uint64_t number = atomic_load(&s_numbers[index]);
        struct request *request;
        if (rand_r(&seed) % 3 == 0) {
            if (hold_take(&s_holds[index], number, &request) == HOLD_IS_MINE) {
                answer(request);
            }
        } else if (hold_look(&s_holds[index], number, &request) == HOLD_IS_MINE) {
            request_is_aborted(request);
            hold_look_end(&s_holds[index]);
            atomic_fetch_add(&s_looks, 1);
        }
        idle(&seed);
    }
    return NULL;
}

/* ---- The web servers ---- */

static void check(const struct web_answer *answer) {
    const struct web_bytes *out = &answer->out;
    if (answer->ended && out->size == 5) {
        require(memcmp(out->bytes, "taken", 5) == 0, "five bytes of something else");
        atomic_fetch_add(&s_replaced, 1);
        return;
    }
    require(!answer->ended || out->size == (size_t)PIECES * PIECE_BYTES, "a short response");
    for (size_t i = 0; i < out->size; i++) {
        require(out->bytes[i] == s_piece[i % PIECE_BYTES], "a wrong byte");
    }
    atomic_fetch_add(answer->ended ? &s_whole : &s_cut, 1);
}

static void *run_web(void *arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    while (!atomic_load(&s_is_over)) {
        struct web_bytes out = {0};
        struct web_answer answer = {0};
        int fd = web_connect(s_path);
        require(fd >= 0, "cannot connect");
        do {
            size_t size = rand_r(&seed) % 2 ? 0 : (size_t)(rand_r(&seed) % 100000);
            web_answer_next(&answer);
            out.size = 0;
            web_request(&out, 1, WEB_KEEP, "/", size ? s_piece : NULL,
                        size < PIECE_BYTES ? size : PIECE_BYTES);
            if (!web_send(fd, &out)) {
                break;
            }
            require(web_receive(fd, 1, PATIENCE_MS, &answer), "no answer");
            check(&answer);
        } while (answer.ended && !atomic_load(&s_is_over));
        close(fd);
        web_free(&out);
        web_answer_free(&answer);
    }
    return NULL;
}

int main(int argc, char **argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 10, clients = argc > 2 ? atoi(argv[2]) : 12;
    pthread_t threads[256], taker;
    require(clients > 0 && clients <= 256, "1 to 256 clients");
    for (size_t i = 0; i < PIECE_BYTES; i++) {
        s_piece[i] = (uint8_t)(i * 17 + i / 509);
    }
    struct serving *serving = serving_start(NULL, SERVING, handle);
    s_path = serving_path(serving);
    require(pthread_create(&taker, NULL, take, (void *)(uintptr_t)99) == 0, "pthread_create");
    for (int i = 0; i < clients; i++) {
        require(pthread_create(&threads[i], NULL, run_web, (void *)(uintptr_t)(i + 1)) == 0,
                "pthread_create");
    }
    nanosleep(&(struct timespec){seconds, 0}, NULL);
    atomic_store(&s_is_over, true);
    for (int i = 0; i < clients; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_join(taker, NULL);
    serving_stop(serving);
    printf("%lu whole, %lu cut, %lu replaced, %lu lost, %lu looks\n", atomic_load(&s_whole),
           atomic_load(&s_cut), atomic_load(&s_replaced), atomic_load(&s_lost),
           atomic_load(&s_looks));
    require(s_whole > 0 && s_cut > 0 && s_replaced > 0 && s_lost > 0 && s_looks > 0,
            "one kind never happened");
    return 0;
}
