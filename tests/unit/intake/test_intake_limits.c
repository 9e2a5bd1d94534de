/* Deadlines, limits, who may connect; and that waiting costs nothing. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/hello.h"

static void answer_and_leave(void *ctx, struct request *request) {
    hello(request);
    intake_stop(*(struct intake **)ctx);
}

static void leave_on_input(void *ctx, int descriptor) {
    intake_remove_fd(ctx, descriptor);
    intake_stop(ctx);
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static long switches(int tid) {
    char path[64], line[128];
    long count = -1;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    }
    fclose(file);
    return count;
}

Test(intake_limits, header_that_does_not_arrive_in_time_closes_its_connection_only) {
    struct intake_options options = {.header_timeout_ms = 500}; /* more than `ask` ever takes */
    struct serving *s = serving_start(&options, 1, hello);
    struct web_bytes out = {0};
    int silent = web_connect(serving_path(s)), slow = web_connect(serving_path(s));
    int kept = web_connect(serving_path(s));
    ask(kept, 1);
    web_begin(&out, 1, WEB_RESPONDER, 0);
    send_bytes(slow, &out);
    assert_closed(silent);
    assert_closed(slow);
    ask(kept, 1); /* idle for longer than that */
    web_free(&out);
    close(silent);
    close(slow);
    close(kept);
    serving_stop(s);
}

Test(intake_limits, connections_beyond_the_limit_wait_until_one_closes) {
    struct intake_options options = {.max_connections = 3};
    struct serving *s = serving_start(&options, 1, hello);
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    int kept[3];
    for (int i = 0; i < 3; i++) {
        kept[i] = web_connect(serving_path(s));
        ask(kept[i], 1);
    }
    int waiting = web_connect(serving_path(s));
    web_request(&out, 1, 0, "/", NULL, 0);
    send_bytes(waiting, &out);
    cr_assert_not(web_receive(waiting, 1, 100, &answer));
    close(kept[0]);
    cr_assert(web_receive(waiting, 1, SOON_MS, &answer));
    assert_hello(&answer);
    web_answer_free(&answer);
    for (int i = 0; i < 20; i++) { /* closed by serving threads, again and again */
        int fd = web_connect(serving_path(s));
        web_request(&out, 1, 0, "/", NULL, 0);
        send_bytes(fd, &out);
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        assert_hello(&answer);
        web_answer_free(&answer);
        close(fd);
    }
    web_free(&out);
    close(waiting);
    close(kept[1]);
    close(kept[2]);
    serving_stop(s);
}

Test(intake_limits, it_waits_quietly_when_out_of_descriptors) {
    struct serving *s = serving_start(NULL, 1, hello);
    struct web_bytes out = {0};
    struct web_answer answer = {0};
    int kept = web_connect(serving_path(s)), waiting = web_connect(serving_path(s));
    /* Connected, but not accepted yet or accepted already: take care of both. */
    ask(kept, 1);
    int late = socket(AF_UNIX, SOCK_STREAM, 0);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)dup(0);
    close((int)limit.rlim_cur);
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    cr_assert_eq(getpeername(kept, (struct sockaddr *)&address, &size), 0);
    cr_assert_eq(connect(late, (struct sockaddr *)&address, size), 0);
    web_request(&out, 1, 0, "/", NULL, 0);
    send_bytes(late, &out);
    double before = cpu_seconds();
    cr_assert_not(web_receive(late, 1, 1200, &answer));
    cr_assert_lt(cpu_seconds() - before, 0.6); /* of 1.2 s */
    close(kept);                               /* frees two: this side's and the other */
    cr_assert(web_receive(late, 1, SOON_MS, &answer));
    assert_hello(&answer);
    web_answer_free(&answer);
    web_free(&out);
    close(late);
    close(waiting);
    serving_stop(s);
}

Test(intake_limits, more_than_1024_descriptors_work) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2600) {
        cr_skip("no more than %llu descriptors allowed", (unsigned long long)limit.rlim_cur);
    }
    struct serving *s = serving_start(NULL, 2, hello);
    static int fds[1200];
    for (int i = 0; i < 1200; i++) {
        fds[i] = web_connect(serving_path(s));
        cr_assert_geq(fds[i], 0);
        ask(fds[i], 1);
    }
    for (int i = 0; i < 1200; i++) {
        ask(fds[i], 2);
        close(fds[i]);
    }
    serving_stop(s);
}

Test(intake_limits, idle_it_does_not_wake_up) {
    struct serving *s = serving_start(NULL, 1, hello);
    int kept = web_connect(serving_path(s));
    int tid = serving_intake_tid(s);
    ask(kept, 1);
    long before;
    int tries = 0;
    do { /* on a loaded machine it may not have gone to sleep yet after that request */
        before = switches(tid);
        poll(NULL, 0, 1000);
    } while (switches(tid) != before && ++tries < 3);
    cr_assert_eq(switches(tid), before);
    close(kept);
    serving_stop(s);
}

Test(intake_limits, tcp_peers_that_are_not_in_the_list_are_turned_away) {
    const char *const lists[] = {"127.0.0.1", "192.0.2.1,::1"};
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
        cr_assert_eq(listen(listener, 10), 0);
        getsockname(listener, (struct sockaddr *)&address, &size);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(fd, (struct sockaddr *)&address, size), 0);
        struct intake_options options = {.listen_fd = listener,
                                         .max_connections = 10,
                                         .header_timeout_ms = 10000,
                                         .max_header_bytes = 1000,
                                         .web_server_addrs = lists[i]};
        static struct intake *intake;
        struct intake_hooks hooks = {.ctx = &intake, .request = answer_and_leave};
        struct error err;
        intake = intake_new(&options, &hooks, &err);
        cr_assert(intake, "%s", err.text);
        struct web_bytes out = {0};
        struct web_answer answer = {0};
        web_request(&out, 1, 0, "/", NULL, 0);
        send_bytes(fd, &out);
        if (i == 1) { /* nothing will be served: leave after the connection was looked at */
            cr_assert_eq(intake_add_fd(intake, fd, leave_on_input, intake, &err), 0);
        }
        cr_assert_eq(intake_run(intake, &err), 0);
        cr_assert(web_receive(fd, 1, SOON_MS, &answer));
        cr_assert_eq(answer.ended, i == 0);
        cr_assert_eq(answer.closed, i == 1);
        web_free(&out);
        web_answer_free(&answer);
        close(fd);
        close(listener);
        intake_free(intake);
    }
}

Test(intake_limits, addresses_that_are_none_are_a_usage_error) {
    struct intake_options options = {.listen_fd = -1, .web_server_addrs = "example.org"};
    struct intake_hooks hooks = {0};
    struct error err;
    cr_assert_null(intake_new(&options, &hooks, &err));
    cr_assert_eq(err.code, ERR_USAGE);
}

Test(intake_limits, small_body_that_does_not_arrive_in_time_closes_its_connection) {
    struct intake_options options = {.body_timeout_ms = 100};
    struct serving *s = serving_start(&options, 1, hello);
    struct web_bytes out = {0};
    int fd = web_connect(serving_path(s)), kept = web_connect(serving_path(s));
    ask(kept, 1);
    web_request(&out, 1, WEB_KEEP, "/", "a small body", 12);
    out.size -= 20; /* the end of the body and of its stream */
    send_bytes(fd, &out);
    assert_closed(fd);
    ask(kept, 1);
    cr_assert_eq(g_hello_served, 2);
    web_free(&out);
    close(fd);
    close(kept);
    serving_stop(s);
}

Test(intake_limits, peer_that_sends_for_ever_after_the_response_is_cut) {
    struct intake_options options = {.drain_timeout_ms = 200};
    struct serving *s = serving_start(&options, 1, hello);
    struct web_bytes out = {0}, block = {0};
    struct web_answer answer = {0};
    static const char s_bytes[20000];
    const char *const pairs[] = {"CONTENT_LENGTH", "1000000000000", NULL};
    int fd = web_connect(serving_path(s)), other = web_connect(serving_path(s));
    web_begin(&out, 1, WEB_RESPONDER, WEB_KEEP);
    web_params(&out, 1, pairs);
    web_record(&out, WEB_PARAMS, 1, NULL, 0, 0);
    send_bytes(fd, &out);
    web_record(&block, WEB_STDIN, 1, s_bytes, sizeof s_bytes, 0);
    int sent = 0;
    while (web_send(fd, &block)) {
        if (++sent % 1000 == 0) {
            ask(other, 1); /* others are served meanwhile */
        }
    }
    cr_assert(web_receive(fd, 1, SOON_MS, &answer));
    assert_hello(&answer);
    web_free(&out);
    web_free(&block);
    web_answer_free(&answer);
    close(fd);
    close(other);
    serving_stop(s);
}

Test(intake_limits, several_processes_may_share_a_listening_socket) {
    struct serving *first = serving_start(NULL, 1, hello);
    struct serving *second = serving_start_beside(first, 1, hello);
    enum { COUNT = 400 };
    static int fds[COUNT];
    struct intake_stats a, b;
    do { /* until both had some: which one is woken is the kernel's choice */
        for (int i = 0; i < COUNT; i++) {
            fds[i] = web_connect(serving_path(first));
        }
        for (int i = 0; i < COUNT; i++) {
            ask(fds[i], 1);
            close(fds[i]);
        }
        intake_stats(serving_intake(first), &a);
        intake_stats(serving_intake(second), &b);
    } while (a.requests == 0 || b.requests == 0);
    cr_assert_eq((a.requests + b.requests) % COUNT, 0);
    serving_stop(second);
    int fd = web_connect(serving_path(first));
    ask(fd, 1);
    close(fd);
    serving_stop(first);
}
