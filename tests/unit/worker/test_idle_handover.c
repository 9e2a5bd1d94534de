/** Idle connections on their way from one intake to the next. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/idle_handover.h"

static struct idle_handover s_predecessor, s_successor;
static int s_ends[2]; /* the predecessor's and the successor's */
static struct intake *s_intake;
static int s_listen_fd;

static void ignore_request(void *ctx, struct request *request) {
    (void)ctx, (void)request;
}

static void set_up(void) {
    struct error err;
    const struct sockaddr_un address = {.sun_family = AF_UNIX}; /* the kernel chooses a name */
    const struct intake_hooks hooks = {.request = ignore_request};
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
    idle_handover_init(&s_predecessor);
    idle_handover_init(&s_successor);
}
TestSuite(idle_handover, .init = set_up, .timeout = 60);

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

Test(idle_handover, without_a_successor_a_connection_stays) {
    int server_end, connection = make_connection(&server_end);
    cr_assert_not(idle_handover_give(&s_predecessor, connection));
}

Test(idle_handover, a_successor_that_is_gone_takes_nothing) {
    int server_end, connection = make_connection(&server_end);
    s_predecessor.successor_fd = s_ends[0];
    close(s_ends[1]);
    cr_assert_not(idle_handover_give(&s_predecessor, connection));
}

Test(idle_handover, a_connection_that_was_given_is_served_by_the_successor) {
    int server_end, connection = make_connection(&server_end);
    s_predecessor.successor_fd = s_ends[0];
    idle_handover_attach(&s_successor, s_intake);
    idle_handover_adopt(&s_successor, s_ends[1]);
    cr_assert(idle_handover_give(&s_predecessor, connection));
    close(connection);
    ask_values(server_end);
    assert_is_served(server_end);
}

Test(idle_handover, connections_wait_until_the_successor_serves) {
    int server_end, connection = make_connection(&server_end);
    s_predecessor.successor_fd = s_ends[0];
    idle_handover_adopt(&s_successor, s_ends[1]); /* before it serves */
    cr_assert(idle_handover_give(&s_predecessor, connection));
    close(connection);
    close(s_ends[0]); /* the predecessor ends before it, too */
    ask_values(server_end);
    idle_handover_attach(&s_successor, s_intake);
    assert_is_served(server_end);
    cr_assert_lt(fcntl(s_ends[1], F_GETFD), 0, "closed with the predecessor");
}
