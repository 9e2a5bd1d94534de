#include "tests/support/hello.h"

#include <criterion/criterion.h>

atomic_int g_hello_served;
static const char s_hello[] = "Content-Type: text/plain\r\n\r\nhello";

void hello(struct request *request) {
    struct iovec part = {(void *)s_hello, sizeof s_hello - 1};
    atomic_fetch_add(&g_hello_served, 1);
    int sent = request_send(request, &part, 1, SEND_LAST, NULL);
    cr_assert_leq(sent, 0); /* it fits, unless the peer is gone */
    cr_assert(request_finish_is_quick(request));
    request_finish(request, sent < 0 ? REQUEST_CUT : REQUEST_COMPLETE, 0);
}

void assert_hello(const struct web_answer *answer) {
    cr_assert(answer->ended, "closed %d reset %d", answer->closed, answer->reset);
    cr_assert_eq(answer->protocol_status, 0);
    cr_assert_eq(answer->app_status, 0);
    cr_assert(answer->out_ended);
    cr_assert_eq(answer->out.size, sizeof s_hello - 1);
    cr_assert_arr_eq(answer->out.bytes, s_hello, sizeof s_hello - 1);
}

void send_bytes(int fd, struct web_bytes *bytes) {
    cr_assert(web_send(fd, bytes));
    bytes->size = 0;
}

/* One whole request on a connection that stays open. */
void ask(int fd, uint16_t id) {
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    web_request(&out, id, WEB_KEEP, "/", NULL, 0);
    send_bytes(fd, &out);
    cr_assert(web_receive(fd, id, SOON_MS, &answer));
    assert_hello(&answer);
    web_free(&out);
    web_answer_free(&answer);
}

void assert_closed(int fd) {
    struct web_answer answer = {0};
    cr_assert(web_receive(fd, 0xffff, SOON_MS, &answer));
    cr_assert(answer.closed);
    web_answer_free(&answer);
}
