#include "tests/support/one_connection.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

serving_handler *_Atomic g_handler; /* what to do with the next request */
atomic_int g_reached;               /* how far it has come */
struct error g_error;
_Atomic ssize_t g_result;
uint8_t g_large[LARGE];

static void run_handler(struct request *request) {
    atomic_load (&g_handler)(request);
}

struct serving *g_serving;
int g_fd;
struct web_bytes g_out;
struct web_answer g_answer;

void one_connection_setup(void) {
    for (size_t i = 0; i < LARGE; i++) {
        g_large[i] = (uint8_t)(i * 13 + i / 65521);
    }
    g_serving = serving_start(NULL, 1, run_handler);
    g_fd = web_connect(serving_path(g_serving));
}
void one_connection_teardown(void) {
    close(g_fd);
    serving_stop(g_serving);
    web_free(&g_out);
    web_answer_free(&g_answer);
}
void send_out(void) {
    cr_assert(web_send(g_fd, &g_out));
    g_out.size = 0;
}

void await_reached(int step) {
    for (int i = 0; i < SOON_MS && atomic_load(&g_reached) < step; i++) {
        poll(NULL, 0, 1);
    }
    cr_assert_geq(atomic_load(&g_reached), step);
}

void await_end(uint16_t id) {
    web_answer_next(&g_answer);
    cr_assert(web_receive(g_fd, id, SOON_MS, &g_answer));
    cr_assert(g_answer.ended, "closed %d reset %d", g_answer.closed, g_answer.reset);
}

void send_begin(const char *content_length, uint8_t flags) {
    const char *const pairs[] = {"CONTENT_LENGTH", content_length, NULL};
    web_begin(&g_out, 1, WEB_RESPONDER, flags);
    web_params(&g_out, 1, pairs);
    web_record(&g_out, WEB_PARAMS, 1, NULL, 0, 0);
    send_out();
}

int send_all(struct request *request, const void *bytes, size_t size, unsigned flags) {
    struct iovec part = {(void *)bytes, size};
    int result = request_send(request, &part, 1, flags, &g_error);
    return result == 1 ? request_flush(request, &g_error) : result;
}

void ok(struct request *request) {
    send_all(request, "ok", 2, SEND_LAST);
    request_finish(request, REQUEST_COMPLETE, 0);
}

/* Answers with the whole body; g_result is what reading ended with. */
void echo(struct request *request) {
    uint8_t *body = malloc(LARGE + 1);
    size_t used = 0;
    ssize_t n;
    do {
        n = request_read_ready(request, body + used, LARGE + 1 - used, &g_error);
        if (n < 0 && g_error.code == ERR_BUSY) {
            atomic_store(&g_reached, 1);
            n = request_read(request, body + used, LARGE + 1 - used, &g_error);
        }
        used += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    g_result = n;
    atomic_store(&g_reached, 2);
    if (n == 0) {
        send_all(request, body, used, SEND_LAST);
    }
    request_finish(request, REQUEST_COMPLETE, n < 0 ? 9 : 0);
    free(body);
}
