#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/orphan.h"
#include "fcgi_host/worker/stopping.h"

static struct channel_end s_supervisor;
static int s_worker_end; /* what the worker sends is received here */
static int s_listen_fd;
static struct stopping s_stopping;

static void set_up(void) {
    int ends[2];
    struct error err;
    const struct sockaddr_un address = {.sun_family = AF_UNIX}; /* the kernel chooses a name */
    cr_assert_eq(log_open("/dev/null", LOG_DEBUG, &err), 0);
    cr_assert_eq(channel_pair(ends, &err), 0);
    s_worker_end = ends[0];
    s_supervisor = (struct channel_end){.fd = ends[1]};
    s_listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(s_listen_fd, (const void *)&address, sizeof address.sun_family), 0);
    cr_assert_eq(listen(s_listen_fd, 8), 0);
    orphan_start(s_listen_fd, NULL);
    cr_assert_eq(stopping_init(&s_stopping, &s_supervisor, &err), 0);
}
TestSuite(stopping, .init = set_up, .timeout = 60);

static void ignore_request(void *ctx, struct request *request) {
    (void)ctx, (void)request;
}

static struct intake *make_intake(void) {
    struct error err;
    const struct intake_hooks hooks = {.request = ignore_request};
    const struct intake_options options = {.listen_fd = s_listen_fd,
                                           .max_connections = 8,
                                           .max_requests = 8,
                                           .header_timeout_ms = 1000,
                                           .max_header_bytes = 1024};
    struct intake *intake = intake_new(&options, &hooks, &err);
    cr_assert_not_null(intake, "%s", err.text);
    return intake;
}

/** @return whether the supervisor has been told that nothing is accepted any more */
static bool has_said_stopped(void) {
    struct channel_message message;
    return channel_receive(s_worker_end, &message, NULL) == 0 && message.type == CHANNEL_STOPPED;
}

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0 || errno != EBADF;
}

Test(stopping, the_sooner_of_two_times_counts) {
    stopping_begin(&s_stopping, 600000, false);
    cr_assert_gt(stopping_left_ms(&s_stopping), 300000);
    stopping_begin(&s_stopping, 200000, false);
    cr_assert_gt(stopping_left_ms(&s_stopping), 100000);
    cr_assert_leq(stopping_left_ms(&s_stopping), 200000);
    stopping_begin(&s_stopping, 400000, false);
    cr_assert_leq(stopping_left_ms(&s_stopping), 200000);
}

Test(stopping, applications_get_half_a_second_for_their_end_though_the_time_is_up) {
    stopping_begin(&s_stopping, 0, false);
    struct pollfd timer = {.fd = s_stopping.timer_fd, .events = POLLIN};
    cr_assert_eq(poll(&timer, 1, -1), 1);
    cr_assert_eq(stopping_left_ms(&s_stopping), 500);
}

Test(stopping, the_first_call_says_whether_the_worker_is_the_last) {
    stopping_begin(&s_stopping, 600000, true);
    stopping_begin(&s_stopping, 600000, false);
    cr_assert(s_stopping.is_last);
}

Test(stopping, a_worker_that_serves_stops_accepting_at_once) {
    struct intake *intake = make_intake();
    cr_assert_eq(stopping_attach(&s_stopping, intake, NULL), 0);
    cr_assert(is_open(s_listen_fd));
    cr_assert_not(has_said_stopped());
    stopping_begin(&s_stopping, 600000, false);
    cr_assert_not(is_open(s_listen_fd));
    cr_assert(has_said_stopped());
    stopping_begin(&s_stopping, 600000, false);
    cr_assert_not(has_said_stopped(), "it is said once");
    intake_free(intake);
}

Test(stopping, an_end_that_began_before_serving_is_made_up_for) {
    stopping_begin(&s_stopping, 600000, true);
    cr_assert(is_open(s_listen_fd));
    cr_assert_not(has_said_stopped());
    struct intake *intake = make_intake();
    cr_assert_eq(stopping_attach(&s_stopping, intake, NULL), 0);
    cr_assert_not(is_open(s_listen_fd));
    cr_assert(has_said_stopped());
    cr_assert_eq(intake_run(intake, NULL), 0, "nothing is left to do");
    intake_free(intake);
}

/** A connection that never sends its request would keep the worker. */
Test(stopping, the_time_that_is_up_ends_the_intake) {
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    struct intake *intake = make_intake();
    cr_assert_eq(getsockname(s_listen_fd, (void *)&address, &size), 0);
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(peer, (const void *)&address, size), 0);
    static const char s_half[] = {1, 1, 0, 1, 0, 8};
    cr_assert_eq(write(peer, s_half, sizeof s_half), (ssize_t)sizeof s_half);
    cr_assert_eq(stopping_attach(&s_stopping, intake, NULL), 0);
    stopping_begin(&s_stopping, 1, true);
    cr_assert_eq(intake_run(intake, NULL), 0);
    intake_free(intake);
    close(peer);
}
