/* The body and the abort of a request, as its serving thread sees them: FastCGI 1.0 §5.3,
 * §5.4, §6.2. */
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/one_connection.h"

TestSuite(request, .init = one_connection_setup, .fini = one_connection_teardown);

Test(request, body_of_any_size_arrives_whole) {
    const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000, LARGE};
    g_handler = echo;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        web_request(&g_out, 1, WEB_KEEP, "/", g_large, sizes[i]);
        send_out();
        await_end(1);
        cr_assert_eq(g_answer.out.size, sizes[i]);
        cr_assert(sizes[i] == 0 || memcmp(g_answer.out.bytes, g_large, sizes[i]) == 0);
    }
}

Test(request, body_without_content_length_ends_with_its_stream) {
    g_handler = echo;
    send_begin("", WEB_KEEP);
    await_reached(1);
    for (int i = 0; i < 3; i++) {
        web_record(&g_out, WEB_STDIN, 1, "chunk", 5, 3);
        send_out();
    }
    web_record(&g_out, WEB_STDIN, 1, NULL, 0, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.out.size, 15);
    cr_assert_arr_eq(g_answer.out.bytes, "chunkchunkchunk", 15);
}

Test(request, body_is_cut_at_content_length) {
    g_handler = echo;
    send_begin("100000", WEB_KEEP);
    for (int i = 0; i < 4; i++) {
        web_record(&g_out, WEB_STDIN, 1, g_large + i * 30000, 30000, 0);
    }
    web_record(&g_out, WEB_STDIN, 1, NULL, 0, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.out.size, 100000);
}

Test(request, body_that_ends_before_content_length_is_reported_as_that) {
    const char *const lengths[] = {"10", "100000"}; /* awaited by the intake; read by the thread */
    g_handler = echo;
    for (int i = 0; i < 2; i++) {
        send_begin(lengths[i], WEB_KEEP);
        web_record(&g_out, WEB_STDIN, 1, "12345", 5, 0);
        web_record(&g_out, WEB_STDIN, 1, NULL, 0, 0);
        send_out();
        await_end(1);
        cr_assert_eq(g_result, -1);
        cr_assert_eq(g_error.code, ERR_PROTOCOL);
        cr_assert(strstr(g_error.text, "5 of 10"), "%s", g_error.text);
        cr_assert_eq(g_answer.app_status, 9);
    }
}

Test(request, peer_that_closes_while_the_body_is_read_is_reported) {
    g_handler = echo;
    send_begin("100000", WEB_KEEP);
    web_record(&g_out, WEB_STDIN, 1, "12345", 5, 0);
    send_out();
    await_reached(1);
    close(g_fd);
    await_reached(2);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_CLOSED);
    g_fd = web_connect(serving_path(g_serving));
}

Test(request, peer_that_sends_no_fastcgi_while_the_body_is_read_is_reported) {
    g_handler = echo;
    send_begin("100000", WEB_KEEP);
    await_reached(1);
    struct web_bytes junk = {(uint8_t *)"GET / HTTP/1.1\r\n", 16, 0};
    cr_assert(web_send(g_fd, &junk));
    await_reached(2);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_PROTOCOL);
}

Test(request, second_request_while_the_body_is_read_cannot_be_multiplexed) {
    g_handler = echo;
    send_begin("100000", WEB_KEEP);
    await_reached(1);
    web_begin(&g_out, 2, WEB_RESPONDER, WEB_KEEP);
    web_record(&g_out, WEB_PARAMS, 2, NULL, 0, 0);
    web_record(&g_out, WEB_STDIN, 2, "not this", 8, 0);
    web_record(&g_out, WEB_STDIN, 1, g_large, 50000, 0);
    web_record(&g_out, WEB_STDIN, 2, NULL, 0, 0);
    web_record(&g_out, WEB_STDIN, 1, g_large + 50000, 50000, 0);
    web_record(&g_out, WEB_STDIN, 1, NULL, 0, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.out.size, 100000);
    cr_assert_eq(memcmp(g_answer.out.bytes, g_large, 100000), 0);
    const uint8_t refused[16] = {1, 3, 0, 2, 0, 8, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    cr_assert_eq(g_answer.other.size, 16);
    cr_assert_arr_eq(g_answer.other.bytes, refused, 16);
}

/* ---- Both sides write ---- */

static void write_then_read(struct request *request) {
    for (size_t at = 0; at < LARGE; at += LARGE / 4) {
        if (send_all(request, g_large + at, LARGE / 4, 0) < 0) {
            break;
        }
    }
    echo(request);
}

Test(request, two_sides_that_both_write_first_do_not_wait_for_each_other) {
    g_handler = write_then_read;
    web_request(&g_out, 1, WEB_KEEP, "/", g_large, LARGE);
    send_out(); /* all of it before anything is read */
    await_end(1);
    cr_assert_eq(g_answer.out.size, 2 * LARGE);
    cr_assert_eq(memcmp(g_answer.out.bytes, g_large, LARGE), 0);
    cr_assert_eq(memcmp(g_answer.out.bytes + LARGE, g_large, LARGE), 0);
}

Test(request, body_that_nobody_reads_is_drained_before_the_request_ends) {
    g_handler = ok;
    send_begin("1000000", WEB_KEEP);
    web_record(&g_out, WEB_STDIN, 1, g_large, 50000, 0);
    send_out();
    cr_assert_not(web_receive(g_fd, 1, 100, &g_answer), "not while FCGI_STDIN is open");
    cr_assert_eq(g_answer.out.size, 2, "but the response is here");
    cr_assert(g_answer.out_ended);
    for (size_t at = 50000; at < 1000000; at += 50000) {
        web_record(&g_out, WEB_STDIN, 1, g_large + at, 50000, 0);
    }
    web_record(&g_out, WEB_STDIN, 1, NULL, 0, 0);
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    cr_assert(web_receive(g_fd, 1, SOON_MS, &g_answer));
    cr_assert(g_answer.ended);
    await_end(1);
    cr_assert_eq(g_answer.out.size, 2, "the next request on this connection is served");
}

/* ---- Abort and close ---- */

static void write_until_it_fails(struct request *request) {
    atomic_store(&g_reached, 1);
    int result = 0;
    while (result == 0) {
        result = send_all(request, g_large, 1000, 0);
    }
    g_result = result;
    g_reached = request_is_aborted(request) ? 2 : 3;
    request_finish(request, REQUEST_COMPLETE, 0);
}

static void wait_until_aborted(struct request *request) {
    atomic_store(&g_reached, 1);
    while (!request_is_aborted(request)) {
        poll(NULL, 0, 1);
    }
    cr_assert_eq(send_all(request, "x", 1, 0), -1);
    cr_assert_eq(g_error.code, ERR_CLOSED);
    g_result = request_read(request, &(uint8_t){0}, 1, &g_error);
    atomic_store(&g_reached, 2);
    request_finish(request, REQUEST_COMPLETE, 0);
}

Test(request, abort_reaches_a_request_that_reads) {
    g_handler = echo;
    send_begin("100000", WEB_KEEP);
    await_reached(1);
    web_record(&g_out, WEB_ABORT, 1, NULL, 0, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_CLOSED);
    g_handler = ok;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.out.size, 2, "the connection goes on");
}

Test(request, abort_reaches_a_request_that_only_writes) {
    for (uint8_t flags = 0; flags <= 1; flags++) {
        g_reached = 0;
        g_handler = write_until_it_fails;
        web_request(&g_out, 1, flags, "/", NULL, 0);
        send_out();
        await_reached(1);
        poll(NULL, 0, 50); /* it may also be blocked on the full socket */
        web_record(&g_out, WEB_ABORT, 1, NULL, 0, 0);
        send_out();
        await_end(1);
        cr_assert_eq(g_answer.protocol_status, 0);
        cr_assert_eq(g_reached, 2);
        if (!flags) {
            close(g_fd);
            g_fd = web_connect(serving_path(g_serving));
        }
    }
}

Test(request, abort_is_seen_by_a_request_that_asks) {
    g_handler = wait_until_aborted;
    web_request(&g_out, 1, 0, "/", NULL, 0);
    send_out();
    await_reached(1);
    web_record(&g_out, WEB_ABORT, 1, NULL, 0, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_CLOSED);
}

Test(request, peer_that_closed_is_seen_by_a_request_that_asks) {
    g_handler = wait_until_aborted;
    web_request(&g_out, 1, 0, "/", NULL, 0);
    send_out();
    await_reached(1);
    close(g_fd);
    await_reached(2);
    g_fd = web_connect(serving_path(g_serving));
}

Test(request, peer_that_only_stopped_sending_is_answered) {
    g_handler = echo;
    web_request(&g_out, 1, 0, "/", g_large, LARGE);
    send_out();
    shutdown(g_fd, SHUT_WR);
    await_end(1);
    cr_assert_eq(g_answer.out.size, LARGE);
}
