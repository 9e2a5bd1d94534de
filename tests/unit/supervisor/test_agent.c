/** The agent's address: one line to each that comes, however it behaves. */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/supervisor/agent.h"

enum {
    BOUND_MS = 20000, /* a test that hangs is stopped */
    MANY = 300,       /* more than the agent keeps */
};

static struct loop *s_loop;
static struct agent *s_agent;
static struct loop_timer s_bound;
static int s_port;
static unsigned s_said;

static void say(void *ctx, char ret_text[AGENT_TEXT_BYTES]) {
    cr_assert_eq(ctx, &s_said);
    s_said++;
    snprintf(ret_text, AGENT_TEXT_BYTES, "up ready 100%%\n");
}

static void took_too_long(void *ctx) {
    (void)ctx;
    cr_assert_fail("nothing has come");
}

static int free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static struct agent *new_agent(int port, struct error *err) {
    const struct agent_hooks hooks = {&s_said, say};
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    return agent_new(s_loop, address, &hooks, err);
}

static void setup(void) {
    struct error err;
    s_loop = loop_new(&err);
    s_port = free_port();
    s_agent = new_agent(s_port, &err);
    cr_assert_not_null(s_agent, "%s", err.text);
    s_bound = (struct loop_timer){.expired = took_too_long};
    loop_arm(s_loop, &s_bound, BOUND_MS);
}

static void teardown(void) {
    agent_free(s_agent);
    loop_free(s_loop);
}

TestSuite(agent, .init = setup, .fini = teardown);

static int come(void) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)s_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void on_timer(void *ctx) {
    (void)ctx;
    loop_stop(s_loop);
}

/** Let the loop work until `fd` has something to read. */
static void await_readable(int fd) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    while (poll(&readable, 1, 0) == 0) {
        struct loop_timer soon = {.expired = on_timer};
        loop_arm(s_loop, &soon, 1);
        cr_assert_eq(loop_run(s_loop, NULL), 0);
        loop_disarm(s_loop, &soon);
    }
}

/** Read to the end, which must be an orderly one. */
static void expect_line(int fd) {
    char text[64];
    size_t size = 0;
    ssize_t count;
    do {
        await_readable(fd);
        count = recv(fd, text + size, sizeof text - size, 0);
        cr_assert_geq(count, 0, "%s", strerror(errno));
        size += (size_t)count;
    } while (count > 0);
    cr_expect_eq(size, strlen("up ready 100%\n"));
    cr_expect_eq(memcmp(text, "up ready 100%\n", size), 0);
    close(fd);
}

Test(agent, each_connection_gets_one_line) {
    for (unsigned i = 1; i <= 3; i++) {
        expect_line(come());
        cr_expect_eq(s_said, i);
    }
}

Test(agent, what_a_peer_sends_first_does_not_cost_it_the_line) {
    int fd = come();
    cr_assert_eq(send(fd, "backend blog\n", 13, 0), 13);
    expect_line(fd);
}

Test(agent, what_a_peer_sends_later_does_not_cost_it_the_line) {
    int fd = come();
    await_readable(fd);
    cr_assert_eq(send(fd, "backend blog\n", 13, 0), 13);
    struct loop_timer soon = {.expired = on_timer};
    loop_arm(s_loop, &soon, 10);
    cr_assert_eq(loop_run(s_loop, NULL), 0);
    expect_line(fd);
}

Test(agent, who_never_stops_sending_is_cut_off) {
    int fd = come();
    char bytes[1024] = {0};
    ssize_t sent;
    do { /* it reads 4 KiB, and closes */
        struct loop_timer soon = {.expired = on_timer};
        sent = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        loop_arm(s_loop, &soon, 1);
        cr_assert_eq(loop_run(s_loop, NULL), 0);
    } while (sent >= 0 || errno == EAGAIN);
    cr_expect(errno == EPIPE || errno == ECONNRESET, "%s", strerror(errno));
    close(fd);
    expect_line(come());
}

Test(agent, many_that_say_nothing_keep_nobody_away) {
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = come();
        await_readable(fds[i]);
    }
    cr_expect_eq(s_said, MANY);
    expect_line(come());
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
}

Test(agent, who_has_gone_already_is_nobody) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int fd = come();
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    expect_line(come());
}

Test(agent, without_descriptors_connections_wait) {
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int fd = come();
    struct rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct loop_timer soon = {.expired = on_timer};
    loop_arm(s_loop, &soon, 50);
    cr_assert_eq(loop_run(s_loop, NULL), 0);
    cr_expect_eq(s_said, 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_line(fd);
}

Test(agent, an_address_in_use_is_an_error) {
    struct error err;
    cr_expect_null(new_agent(s_port, &err));
    cr_expect_eq(err.code, ERR_SYSTEM);
    cr_expect_not_null(strstr(err.text, "in use"));
}
