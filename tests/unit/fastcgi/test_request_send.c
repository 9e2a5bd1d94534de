/* What a serving thread sends: FastCGI 1.0 §5.3, §5.5, §6.2. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/one_connection.h"
#include "tests/support/temporary_folder.h"

TestSuite(request_send, .init = one_connection_setup, .fini = one_connection_teardown);

static void overloaded(struct request *request) {
    request_finish(request, REQUEST_OVERLOADED, 0);
}
static void cut(struct request *request) {
    send_all(request, "half", 4, 0);
    request_finish(request, REQUEST_CUT, 0);
}
static void in_pieces(struct request *request) {
    struct iovec parts[REQUEST_SEND_PARTS];
    for (int i = 0; i < REQUEST_SEND_PARTS; i++) {
        parts[i] = (struct iovec){g_large + i * 10000, 10000};
    }
    cr_assert_eq(request_send(request, NULL, 0, 0, &g_error), 0, "no empty record");
    int result = request_send(request, parts, REQUEST_SEND_PARTS, 0, &g_error);
    cr_assert_eq(result == 1 ? request_flush(request, &g_error) : result, 0);
    cr_assert_not(request_finish_is_quick(request));
    request_finish(request, REQUEST_COMPLETE, 77);
}

Test(request_send, overload_is_told_as_protocol_status) {
    g_handler = overloaded;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.protocol_status, 2);
    cr_assert_eq(g_answer.out.size, 0);
}

Test(request_send, response_that_broke_off_has_no_end) {
    g_handler = cut;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    cr_assert(web_receive(g_fd, 1, SOON_MS, &g_answer));
    cr_assert_not(g_answer.ended);
    cr_assert_not(g_answer.out_ended);
    cr_assert(g_answer.closed);
}

Test(request_send, response_that_broke_off_ends_with_what_no_web_server_takes_for_an_end) {
    static const uint8_t no_version[8] = {0, WEB_UNKNOWN_TYPE};
    g_handler = cut;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    cr_assert(web_receive(g_fd, 1, SOON_MS, &g_answer));
    cr_assert_eq(g_answer.other.size, sizeof no_version);
    cr_assert_arr_eq(g_answer.other.bytes, no_version, sizeof no_version);
}

Test(request_send, app_status_is_told_when_the_end_comes_after_the_last_send) {
    g_handler = in_pieces;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.app_status, 77);
    cr_assert(g_answer.out_ended);
    cr_assert_eq(g_answer.out.size, REQUEST_SEND_PARTS * 10000);
    cr_assert_eq(memcmp(g_answer.out.bytes, g_large, g_answer.out.size), 0);
}

static void complains(struct request *request) {
    cr_assert_eq(request_send_stderr(request, "oh ", 3, &g_error), 0);
    cr_assert_eq(send_all(request, "fine", 4, 0), 0);
    cr_assert_eq(request_send_stderr(request, g_large, 100000, &g_error), 0);
    ok(request);
}

Test(request_send, stderr_is_a_stream_of_its_own_and_ended) {
    g_handler = complains;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.out.size, 6);
    cr_assert_eq(g_answer.err.size, 100003);
    cr_assert(g_answer.err_ended);
}

static void begin_again(struct request *request) {
    char byte;
    cr_assert(request_is_whole(request));
    cr_assert_eq(request_send_stderr(request, "oh ", 3, &g_error), 0);
    cr_assert(request_is_whole(request), "no byte of the response");
    request_give_up(request);
    cr_assert(request->was_given_up);
    cr_assert_eq(request_read_ready(request, &byte, 1, &g_error), 1);
    cr_assert_not(request_is_whole(request), "some of the body is with the application");
    cr_assert_eq(send_all(request, &byte, 1, 0), 0);
    ok(request);
}

Test(request_send, a_request_that_is_given_up_is_run_again_by_somebody_else) {
    g_handler = begin_again;
    web_request(&g_out, 1, WEB_KEEP, "/", "body", 4);
    send_out();
    await_end(1);
    cr_assert(g_answer.err_ended);
    cr_assert_eq(g_answer.err.size, 3);
    cr_assert_eq(g_answer.out.size, 3);
}

static void answer_again(struct request *request) {
    cr_assert_eq(send_all(request, "some", 4, 0), 0);
    cr_assert_not(request_is_whole(request));
    ok(request);
}

Test(request_send, a_request_is_not_whole_once_something_was_sent) {
    g_handler = answer_again;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
}

static int empty_file(void) {
    char path[TEMPORARY_FOLDER_SIZE + 8];
    snprintf(path, sizeof path, "%s/file", temporary_folder());
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    return fd;
}

static void file(struct request *request) {
    int fd = empty_file();
    cr_assert_eq(write(fd, g_large, 1000000), 1000000);
    send_all(request, "head", 4, 0);
    cr_assert_eq(request_send_file(request, fd, 1000, 900000, 0, &g_error), 0);
    cr_assert_eq(request_send_file(request, fd, 0, 10, SEND_LAST, &g_error), 0);
    request_finish(request, REQUEST_COMPLETE, 0);
    close(fd);
}

Test(request_send, file_is_sent_from_its_offset) {
    g_handler = file;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_answer.out.size, 4 + 900000 + 10);
    cr_assert_arr_eq(g_answer.out.bytes, "head", 4);
    cr_assert_eq(memcmp(g_answer.out.bytes + 4, g_large + 1000, 900000), 0);
    cr_assert_eq(memcmp(g_answer.out.bytes + 900004, g_large, 10), 0);
}

static void short_file(struct request *request) {
    int fd = empty_file();
    cr_assert_eq(write(fd, g_large, 1000), 1000);
    g_result = request_send_file(request, fd, 0, 2000, SEND_LAST, &g_error);
    request_finish(request, REQUEST_COMPLETE, 0);
    close(fd);
}

Test(request_send, file_that_is_shorter_than_told_cuts_the_response) {
    g_handler = short_file;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    cr_assert(web_receive(g_fd, 1, SOON_MS, &g_answer));
    cr_assert_not(g_answer.ended);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_SYSTEM);
}

static void closed_file(struct request *request) {
    int large = empty_file();
    cr_assert_eq(ftruncate(large, 1 << 30), 0);
    atomic_store(&g_reached, 1);
    g_result = request_send_file(request, large, 0, 1 << 30, SEND_LAST, &g_error);
    request_finish(request, REQUEST_COMPLETE, 0);
    close(large);
    atomic_store(&g_reached, 2);
}

Test(request_send, peer_that_closes_while_a_file_is_sent_raises_no_signal) {
    g_handler = closed_file;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_reached(1);
    poll(NULL, 0, 20);
    close(g_fd);
    await_reached(2);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_CLOSED);
    g_fd = web_connect(serving_path(g_serving));
}

/* The answer to a peer that has gone is dropped; an application may go on sending. */
static void sends_on(struct request *request) {
    atomic_store(&g_reached, 1);
    int result;
    do {
        result = send_all(request, g_large, LARGE, 0);
    } while (result == 0);
    struct iovec part = {.iov_base = g_large, .iov_len = 4};
    g_result = request_send(request, &part, 1, 0, &g_error) + request_flush(request, &g_error) +
               request_send_stderr(request, "oh ", 3, &g_error);
    request_finish(request, REQUEST_COMPLETE, 0);
    atomic_store(&g_reached, 2);
}

Test(request_send, what_is_sent_after_the_peer_has_gone_is_refused_again_and_again) {
    g_handler = sends_on;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_reached(1);
    close(g_fd);
    await_reached(2);
    cr_assert_eq(g_result, -3);
    cr_assert_eq(g_error.code, ERR_CLOSED);
    g_fd = web_connect(serving_path(g_serving));
}

static void checks_params(struct request *request) {
    const struct param *twice = request_param(request, "TWICE");
    cr_assert(twice);
    cr_assert_eq(twice->value_bytes, 6);
    cr_assert_arr_eq(twice->value, "second", 6);
    cr_assert_null(request_param(request, "twice"));
    cr_assert_null(request_param(request, "TWIC"));
    cr_assert_eq(request->param_count, 3);
    cr_assert_eq(request->content_length, -1);
    cr_assert_eq(request->role, ROLE_AUTHORIZER - 1);
    char expected[32];
    snprintf(expected, sizeof expected, "%d-", (int)getpid());
    cr_assert_eq(strncmp(request->id, expected, strlen(expected)), 0);
    ok(request);
}

Test(request_send, last_parameter_of_a_name_wins) {
    const char *const pairs[] = {"TWICE", "first", "TWICE", "second", "EMPTY", "", NULL};
    g_handler = checks_params;
    web_begin(&g_out, 1, WEB_RESPONDER, WEB_KEEP);
    web_params(&g_out, 1, pairs);
    web_record(&g_out, WEB_PARAMS, 1, NULL, 0, 0);
    web_record(&g_out, WEB_STDIN, 1, NULL, 0, 0);
    send_out();
    await_end(1);
}

static void pipe_as_file(struct request *request) {
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    g_result = request_send_file(request, fds[0], 0, 10, SEND_LAST, &g_error);
    ok(request);
    close(fds[0]);
    close(fds[1]);
}

Test(request_send, what_is_no_regular_file_is_refused_before_anything_is_sent) {
    g_handler = pipe_as_file;
    web_request(&g_out, 1, WEB_KEEP, "/", NULL, 0);
    send_out();
    await_end(1);
    cr_assert_eq(g_result, -1);
    cr_assert_eq(g_error.code, ERR_USAGE);
    cr_assert_eq(g_answer.out.size, 2);
}
