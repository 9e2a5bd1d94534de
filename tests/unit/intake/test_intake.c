/* Connections, from the web server's side: FastCGI 1.0 §3.5, §4, §5, §6. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/hello.h"

static void large(struct request *request) {
    char *bytes = malloc(3000000);
    memset(bytes, 'y', 3000000);
    struct iovec part = {bytes, 3000000};
    cr_assert_geq(request_send(request, &part, 1, SEND_LAST, NULL), 0);
    request_finish(request, REQUEST_COMPLETE, 0);
    free(bytes);
}

static atomic_int s_gate;

static void gated(struct request *request) {
    atomic_store(&s_gate, 1);
    while (atomic_load(&s_gate) != 2) {
        poll(NULL, 0, 1);
    }
    hello(request);
}

Test(intake, without_keep_conn_it_closes_after_the_response) {
    struct serving *s = serving_start(NULL, 2, hello);
    for (int i = 0; i < 50; i++) {
        struct web_bytes out = {0};
        struct web_answer answer = {0};
        int fd = web_connect(serving_path(s));
        web_request(&out, 1, 0, "/", NULL, 0);
        send_bytes(fd, &out);
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        assert_hello(&answer);
        web_answer_next(&answer);
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        cr_assert(answer.closed);
        cr_assert_not(answer.reset);
        web_free(&out);
        web_answer_free(&answer);
        close(fd);
    }
    serving_stop(s);
}

Test(intake, kept_open_connections_hold_no_thread) {
    struct serving *s = serving_start(NULL, 1, hello);
    int fds[100];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            if (round == 0) {
                fds[i] = web_connect(serving_path(s));
            }
            ask(fds[i], (uint16_t)(i + 1));
        }
    }
    struct intake_stats stats;
    intake_stats(serving_intake(s), &stats);
    cr_assert_eq(stats.connections_accepted, 100);
    cr_assert_eq(stats.connections_open, 100);
    cr_assert_eq(stats.requests, 300);
    serving_stop_accepting(s);
    for (int i = 0; i < 100; i++) {
        assert_closed(fds[i]); /* idle ones are closed when it stops */
        close(fds[i]);
    }
    serving_stop(s);
}

Test(intake, requests_sent_in_one_go_are_answered_one_after_the_other) {
    struct serving *s = serving_start(NULL, 4, hello);
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    int fd = web_connect(serving_path(s));
    for (int i = 0; i < 200; i++) {
        web_request(&out, 1, WEB_KEEP, "/", i % 2 ? "body" : NULL, i % 2 ? 4 : 0);
    }
    send_bytes(fd, &out);
    for (int i = 0; i < 200; i++) {
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        assert_hello(&answer);
        web_answer_next(&answer);
    }
    cr_assert_eq(answer.rest.size, 0);
    web_free(&out);
    web_answer_free(&answer);
    close(fd);
    serving_stop(s);
}

Test(intake, dribbled_header_and_small_body_hold_nobody_up) {
    struct serving *s = serving_start(NULL, 1, hello);
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    int fd = web_connect(serving_path(s)), other = web_connect(serving_path(s));
    web_request(&out, 1, WEB_KEEP, "/", "a small body", 12);
    size_t size = out.size;
    for (size_t i = 0; i < size; i++) {
        out.size = 1;
        cr_assert(web_send(fd, &out));
        memmove(out.bytes, out.bytes + 1, size - i - 1);
        if (i % 10 == 0) {
            ask(other, 2);
        }
    }
    cr_assert(web_receive(fd, 1, SOON_MS, &answer));
    assert_hello(&answer);
    web_free(&out);
    web_answer_free(&answer);
    close(fd);
    close(other);
    serving_stop(s);
}

Test(intake, unknown_role_is_answered_and_the_connection_goes_on_or_ends_as_asked) {
    struct serving *s = serving_start(NULL, 1, hello);
    for (uint8_t flags = 0; flags <= 1; flags++) {
        struct web_bytes out = {0};
        struct web_answer answer = {0};
        int fd = web_connect(serving_path(s));
        web_begin(&out, 3, WEB_FILTER, flags);
        send_bytes(fd, &out);
        cr_assert(web_receive(fd, 3, SOON_MS, &answer));
        cr_assert(answer.ended);
        cr_assert_eq(answer.protocol_status, 3);
        web_record(&out, WEB_PARAMS, 3, "\1\1AB", 4, 0);
        web_record(&out, WEB_PARAMS, 3, NULL, 0, 0);
        web_record(&out, WEB_STDIN, 3, NULL, 0, 0);
        send_bytes(fd, &out);
        if (flags) {
            ask(fd, 4);
        } else {
            assert_closed(fd);
        }
        web_free(&out);
        web_answer_free(&answer);
        close(fd);
    }
    serving_stop(s);
}

Test(intake, abort_before_the_request_is_complete_is_answered_without_the_application) {
    struct serving *s = serving_start(NULL, 1, hello);
    struct web_answer answer = {0};
    int fd = web_connect(serving_path(s));
    for (int with_params = 0; with_params <= 1; with_params++) {
        struct web_bytes out = {0};
        const char *const pairs[] = {"CONTENT_LENGTH", "10", NULL};
        web_begin(&out, 1, WEB_RESPONDER, WEB_KEEP);
        web_params(&out, 1, pairs);
        if (with_params) {
            web_record(&out, WEB_PARAMS, 1, NULL, 0, 0);
            web_record(&out, WEB_STDIN, 1, "12345", 5, 0);
        }
        web_record(&out, WEB_ABORT, 1, NULL, 0, 0);
        send_bytes(fd, &out);
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        cr_assert(answer.ended);
        cr_assert_eq(answer.protocol_status, 0);
        cr_assert_eq(answer.out.size, 0);
        web_answer_next(&answer);
        web_free(&out);
    }
    cr_assert_eq(g_hello_served, 0);
    ask(fd, 1);
    web_answer_free(&answer);
    close(fd);
    serving_stop(s);
}

Test(intake, content_length_that_is_no_number_is_answered_400) {
    struct serving *s = serving_start(NULL, 1, hello);
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    const char *const pairs[] = {"CONTENT_LENGTH", "many", NULL};
    int fd = web_connect(serving_path(s));
    web_begin(&out, 1, WEB_RESPONDER, WEB_KEEP);
    web_params(&out, 1, pairs);
    web_record(&out, WEB_PARAMS, 1, NULL, 0, 0);
    web_record(&out, WEB_STDIN, 1, "a body", 6, 0);
    send_bytes(fd, &out);
    cr_assert_not(web_receive(fd, 1, 50, &answer), "ends with FCGI_STDIN");
    web_record(&out, WEB_STDIN, 1, NULL, 0, 0);
    send_bytes(fd, &out);
    cr_assert(web_receive(fd, 1, SOON_MS, &answer));
    cr_assert(answer.ended && answer.out_ended);
    cr_assert_eq(strncmp((char *)answer.out.bytes, "Status: 400 ", 12), 0);
    cr_assert_eq(g_hello_served, 0);
    ask(fd, 1);
    web_free(&out);
    web_answer_free(&answer);
    close(fd);
    serving_stop(s);
}

Test(intake, malformed_bytes_close_their_connection_and_touch_no_other) {
    const struct {
        size_t size;
        const char *bytes;
    } cases[] = {{16, "GET / HTTP/1.1\r\n"},
                 {8, "\0\1\0\1\0\x8\0\0"},
                 {8, "\1\1\0\1\0\x9\0\0"},
                 {16, "\1\x9\0\0\0\2\0\0\x9\0\0\0\0\0\0\0"}};
    struct serving *s = serving_start(NULL, 1, hello);
    int good = web_connect(serving_path(s));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct web_bytes bytes = {(uint8_t *)cases[i].bytes, cases[i].size, 0};
        int fd = web_connect(serving_path(s));
        cr_assert(web_send(fd, &bytes));
        assert_closed(fd);
        close(fd);
        ask(good, 1);
    }
    cr_assert_eq(g_hello_served, 4);
    close(good);
    serving_stop(s);
}

Test(intake, peer_that_closes_midway_leaves_nothing_behind) {
    struct serving *s = serving_start(NULL, 1, hello);
    struct web_bytes out = {0};
    web_request(&out, 1, WEB_KEEP, "/", "a small body", 12);
    size_t size = out.size;
    for (out.size = 0; out.size < size; out.size++) {
        int fd = web_connect(serving_path(s));
        cr_assert(web_send(fd, &out));
        close(fd);
    }
    web_free(&out);
    serving_stop(s); /* returns when no connection is left */
}

Test(intake, it_answers_in_place_and_sends_what_does_not_fit_later) {
    static char s_large[3000000];
    struct serving *s = serving_start(NULL, 0, large);
    struct web_answer answer = {0};
    int fd = web_connect(serving_path(s)), other = web_connect(serving_path(s));
    struct web_bytes out = {0};
    memset(s_large, 'y', sizeof s_large);
    web_request(&out, 1, WEB_KEEP, "/", NULL, 0);
    web_request(&out, 1, WEB_KEEP, "/", NULL, 0);
    send_bytes(fd, &out);
    /* Nobody reads; it goes on with others all the same. */
    web_request(&out, 1, 0, "/", NULL, 0);
    send_bytes(other, &out);
    cr_assert(web_receive(other, 1, SOON_MS, &answer));
    cr_assert_eq(answer.out.size, sizeof s_large);
    for (int i = 0; i < 2; i++) {
        web_answer_next(&answer);
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        cr_assert(answer.ended);
        cr_assert_eq(answer.out.size, sizeof s_large);
        cr_assert_arr_eq(answer.out.bytes, s_large, sizeof s_large);
    }
    web_answer_free(&answer);
    web_free(&out);
    close(fd);
    close(other);
    serving_stop(s);
}

Test(intake, stopping_finishes_the_request_that_is_being_served) {
    struct serving *s = serving_start(NULL, 1, gated);
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    int fd = web_connect(serving_path(s));
    web_request(&out, 1, WEB_KEEP, "/", NULL, 0);
    send_bytes(fd, &out);
    while (atomic_load(&s_gate) != 1) {
        poll(NULL, 0, 1);
    }
    serving_stop_accepting(s);
    atomic_store(&s_gate, 2);
    cr_assert(web_receive(fd, 1, SOON_MS, &answer));
    assert_hello(&answer);
    assert_closed(fd); /* kept open by request, closed because it stops */
    web_free(&out);
    web_answer_free(&answer);
    serving_stop(s);
}
