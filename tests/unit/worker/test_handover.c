/** Connections on their way from one intake to the next. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/handover.h"

static struct handover s_predecessor, s_successor;
static int s_ends[2]; /* the predecessor's and the successor's */
static struct intake *s_intake;
static int s_listen_fd;

static bool s_stops_then = true;  /* the loop ends with a request */
static struct request *s_request; /* the last that the intake has given */

static void take_request(void *ctx, struct request *request) {
    (void)ctx;
    s_request = request;
    if (s_stops_then) {
        intake_stop(s_intake);
    }
}

static enum bequeath_result bequeath(void *ctx, const struct passed_connection *connection) {
    (void)ctx;
    return handover_give(&s_predecessor, connection);
}

static void set_up(void) {
    struct error err;
    const struct sockaddr_un address = {.sun_family = AF_UNIX}; /* the kernel chooses a name */
    const struct intake_hooks hooks = {.request = take_request, .bequeath = bequeath};
    cr_assert_eq(log_open("/dev/null", LOG_DEBUG, &err), 0);
    cr_assert_eq(channel_pair(s_ends, &err), 0);
    s_listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(s_listen_fd, (const void *)&address, sizeof address.sun_family), 0);
    cr_assert_eq(listen(s_listen_fd, 8), 0);
    const struct intake_options options = {.listen_fd = s_listen_fd,
                                           .max_connections = 8,
                                           .max_requests = 8,
                                           .header_timeout_ms = 1000,
                                           .max_header_bytes = 1024};
    s_intake = intake_new(&options, &hooks, &err);
    cr_assert_not_null(s_intake);
    handover_init(&s_predecessor);
    handover_init(&s_successor);
}
TestSuite(handover, .init = set_up, .timeout = 60);

/** A web server's connection. @param[out] ret_server_end  blocks */
static int make_connection(int *ret_server_end) {
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    *ret_server_end = ends[0];
    return ends[1];
}

/** Ask for FCGI_MPXS_CONNS: any intake answers that without a handler. FastCGI 1.0 §4.1 */
static void ask_values(int server_end) {
    static const char s_values[] = {1,   9,   0,   0,   0,   17,  7,   0, /* FCGI_GET_VALUES */
                                    15,  0,   'F', 'C', 'G', 'I', '_', 'M', 'P', 'X', 'S', '_',
                                    'C', 'O', 'N', 'N', 'S', 0,   0,   0,   0,   0,   0,   0};
    cr_assert_eq(write(server_end, s_values, sizeof s_values), (ssize_t)sizeof s_values);
}

/** End the loop of the successor's intake when `fd` has something to read. */
static void end_loop(void *ctx, int fd) {
    (void)ctx, (void)fd;
    intake_stop(s_intake);
}

static void assert_is_served(int server_end) {
    char header[8] = {0};
    cr_assert_eq(intake_add_fd(s_intake, server_end, end_loop, NULL, NULL), 0);
    intake_run(s_intake, NULL);
    cr_assert_eq(read(server_end, header, sizeof header), (ssize_t)sizeof header);
    cr_assert_eq(header[1], 10, "FCGI_GET_VALUES_RESULT");
}

static enum bequeath_result give(int connection, const char *bytes, size_t size) {
    const struct passed_connection passed = {
        .fd = connection, .is_kept = size == 0, .bytes = (uint8_t *)bytes, .size = size};
    return handover_give(&s_predecessor, &passed);
}

/** A whole request without params. FastCGI 1.0 §5.1, §5.2, §5.3 */
static const char s_whole[] = {1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0,
                               1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0};

Test(handover, without_a_successor_a_connection_stays) {
    int server_end, connection = make_connection(&server_end);
    cr_assert_eq(give(connection, NULL, 0), BEQUEATH_REFUSED);
}

Test(handover, a_successor_that_is_gone_takes_nothing) {
    int server_end, connection = make_connection(&server_end);
    handover_set_successor(&s_predecessor, s_ends[0]);
    close(s_ends[1]);
    cr_assert_eq(give(connection, NULL, 0), BEQUEATH_REFUSED);
}

Test(handover, a_connection_that_was_given_is_served_by_the_successor) {
    int server_end, connection = make_connection(&server_end);
    handover_set_successor(&s_predecessor, s_ends[0]);
    handover_attach(&s_successor, s_intake);
    handover_adopt(&s_successor, s_ends[1]);
    cr_assert_eq(give(connection, NULL, 0), BEQUEATH_PASSED);
    close(connection);
    ask_values(server_end);
    assert_is_served(server_end);
}

Test(handover, connections_wait_until_the_successor_serves) {
    int server_end, connection = make_connection(&server_end);
    handover_set_successor(&s_predecessor, s_ends[0]);
    handover_adopt(&s_successor, s_ends[1]); /* before it serves */
    cr_assert_eq(give(connection, NULL, 0), BEQUEATH_PASSED);
    close(connection);
    close(s_ends[0]); /* the predecessor ends before it, too */
    ask_values(server_end);
    handover_attach(&s_successor, s_intake);
    assert_is_served(server_end);
    cr_assert_lt(fcntl(s_ends[1], F_GETFD), 0, "closed with the predecessor");
}

Test(handover, the_successor_goes_on_with_the_bytes_that_were_read) {
    int server_end, connection = make_connection(&server_end);
    handover_set_successor(&s_predecessor, s_ends[0]);
    handover_attach(&s_successor, s_intake);
    handover_adopt(&s_successor, s_ends[1]);
    cr_assert_eq(give(connection, s_whole, 21), BEQUEATH_PASSED);
    close(connection);
    cr_assert_eq(write(server_end, s_whole + 21, sizeof s_whole - 21),
                 (ssize_t)sizeof s_whole - 21);
    cr_assert_eq(intake_run(s_intake, NULL), 0);
    cr_assert_not_null(s_request);
    cr_assert_eq(s_request->fcgi_id, 1);
}

Test(handover, several_predecessors_are_listened_to) {
    int second[2], server_end, connection = make_connection(&server_end);
    cr_assert_eq(channel_pair(second, NULL), 0);
    handover_adopt(&s_successor, s_ends[1]);
    handover_adopt(&s_successor, second[1]);
    handover_attach(&s_successor, s_intake);
    handover_set_successor(&s_predecessor, second[0]);
    cr_assert_eq(give(connection, s_whole, sizeof s_whole), BEQUEATH_PASSED);
    cr_assert_eq(intake_run(s_intake, NULL), 0);
    cr_assert_not_null(s_request);
}

/* ---- A request that no thread has begun to serve ---- */

/** A request that the predecessor, which has the intake, has read and given to be served. */
static struct request *receive_request(int *ret_server_end) {
    struct passed_connection passed = {.fd = make_connection(ret_server_end)};
    cr_assert_eq(write(*ret_server_end, s_whole, sizeof s_whole), (ssize_t)sizeof s_whole);
    s_request = NULL;
    s_stops_then = false;
    intake_adopt(s_intake, &passed);
    s_stops_then = true;
    cr_assert_not_null(s_request);
    return s_request;
}

static void assert_arrives_whole(int ends_1) {
    struct passed_connection received;
    cr_assert_eq(passing_receive(ends_1, &received, NULL), 0);
    cr_assert_eq(received.size, sizeof s_whole);
    cr_assert_eq(memcmp(received.bytes, s_whole, sizeof s_whole), 0);
    close(received.fd);
    free(received.bytes);
}

Test(handover, a_request_leaves_with_its_connection) {
    int server_end;
    struct request *request = receive_request(&server_end);
    handover_attach(&s_predecessor, s_intake);
    handover_set_successor(&s_predecessor, s_ends[0]);
    cr_assert(intake_bequeath_request(s_intake, request));
    assert_arrives_whole(s_ends[1]);
}

Test(handover, without_a_successor_a_request_stays_as_it_is) {
    int server_end;
    struct request *request = receive_request(&server_end);
    handover_attach(&s_predecessor, s_intake);
    cr_assert_not(intake_bequeath_request(s_intake, request));
}

/** Fill the socket to the successor. @return how many messages fit */
static size_t fill_up(int connection) {
    size_t count = 0;
    struct error err;
    const struct passed_connection passed = {.fd = connection};
    while (passing_send(s_ends[0], &passed, &err) == 0) {
        count++;
    }
    cr_assert_eq(err.code, ERR_BUSY);
    return count;
}

/** Be the successor: take one. */
static void take_one(void *ctx, int fd) {
    struct passed_connection received;
    size_t *left = ctx;
    if (passing_receive(fd, &received, NULL) == 0) {
        cr_assert_eq(received.size, 0);
        close(received.fd);
        (*left)--;
    }
}

Test(handover, what_the_successor_cannot_take_yet_is_offered_again) {
    int server_end, other_end, other = make_connection(&other_end);
    struct request *request = receive_request(&server_end);
    handover_attach(&s_predecessor, s_intake);
    handover_set_successor(&s_predecessor, s_ends[0]);
    size_t left = fill_up(other);
    cr_assert(intake_bequeath_request(s_intake, request), "it leaves, though not at once");
    intake_stop_accepting(s_intake);
    cr_assert_eq(intake_add_fd(s_intake, s_ends[1], take_one, &left, NULL), 0);
    cr_assert_eq(intake_run(s_intake, NULL), 0, "it ends when the connection has left");
    while (left > 0) {
        take_one(&left, s_ends[1]);
    }
    assert_arrives_whole(s_ends[1]);
}

Test(handover, what_was_put_off_for_a_successor_that_is_gone_is_served_here) {
    int server_end, other_end, other = make_connection(&other_end);
    struct request *request = receive_request(&server_end);
    handover_attach(&s_predecessor, s_intake);
    handover_set_successor(&s_predecessor, s_ends[0]);
    fill_up(other);
    cr_assert(intake_bequeath_request(s_intake, request));
    s_request = NULL;
    close(s_ends[1]);
    cr_assert_eq(intake_run(s_intake, NULL), 0);
    cr_assert_eq(s_request, request);
}
