/** What the supervisor sends to a template, and what arrives there. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/link/worker_order.h"

static int s_ends[2];

static void set_up(void) {
    cr_assert_eq(channel_pair(s_ends, NULL), 0);
}
TestSuite(worker_order, .init = set_up, .timeout = 60);

static int open_null(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    return fd;
}

/** A file of its own, to be known again. */
static int make_file(void) {
    int fd = channel_make_file("x", 1, NULL);
    cr_assert_geq(fd, 0);
    return fd;
}

static void assert_same_file(int received, int sent) {
    struct stat a, b;
    cr_assert_eq(fstat(received, &a), 0, "descriptor %d", received);
    cr_assert_eq(fstat(sent, &b), 0);
    cr_expect_eq(a.st_ino, b.st_ino);
    cr_expect_neq(received, sent);
    cr_expect(fcntl(received, F_GETFD) & FD_CLOEXEC);
}

static enum error_code receive(struct worker_order *ret_order) {
    struct error err = {0};
    return worker_order_receive(s_ends[1], ret_order, &err) ? err.code : ERR_NONE;
}

static enum error_code send_order(const struct worker_order *order) {
    struct error err = {0};
    return worker_order_send(s_ends[0], order, &err) ? err.code : ERR_NONE;
}

Test(worker_order, a_worker_gets_what_it_would_have_had_by_fork) {
    const int others = make_file();
    const struct home homes[] = {
        {.process = "own", .mailbox_fd = make_file()},
        {.process = "shared", .mailbox_fd = others, .why = "because", .since_s = 5},
        {.process = "shared", .mailbox_fd = others, .why = ""},
        {.process = "", .mailbox_fd = -1},
    };
    const struct script_home scripts[] = {
        {.path = "/srv/a b.py", .home = {.process = "own", .mailbox_fd = -1, .why = "lxml"}},
        {.path = "/srv/c.py", .home = {.process = "other", .mailbox_fd = make_file()}},
    };
    struct worker_order sent = worker_order_none, got;
    sent.channel_fd = make_file();
    sent.last_words_fd = make_file();
    sent.board_fd = make_file();
    sent.modules_fd = make_file();
    sent.balance_member = 7;
    sent.neighbourhood = (struct neighbourhood){
        .process = "own",
        .mailbox_fd = make_file(),
        .homes = homes,
        .script_homes = scripts,
        .script_count = 2,
        .leaves_accepting = true,
    };
    sent.home_count = 4;
    cr_assert_eq(send_order(&sent), ERR_NONE);
    cr_assert_eq(receive(&got), ERR_NONE);
    assert_same_file(got.channel_fd, sent.channel_fd);
    assert_same_file(got.last_words_fd, sent.last_words_fd);
    assert_same_file(got.board_fd, sent.board_fd);
    assert_same_file(got.modules_fd, sent.modules_fd);
    assert_same_file(got.neighbourhood.mailbox_fd, sent.neighbourhood.mailbox_fd);
    cr_expect_eq(got.listen_fd, -1);
    cr_expect_eq(got.log_fd, -1);
    cr_expect_eq(got.balance_member, 7);
    cr_expect_str_eq(got.neighbourhood.process, "own");
    cr_expect(got.neighbourhood.leaves_accepting);
    cr_assert_eq(got.home_count, 4);
    const struct home *home = got.neighbourhood.homes;
    cr_expect_str_eq(home[0].process, "own");
    cr_expect_eq(home[0].mailbox_fd, -1, "nobody sends to itself");
    cr_expect_null(home[0].why);
    cr_expect_str_eq(home[1].process, "shared");
    assert_same_file(home[1].mailbox_fd, others);
    cr_expect_str_eq(home[1].why, "because");
    cr_expect_eq(home[1].since_s, 5);
    cr_expect_eq(home[2].mailbox_fd, home[1].mailbox_fd);
    cr_expect_str_eq(home[2].why, "");
    cr_expect_str_eq(home[3].process, "");
    cr_expect_eq(home[3].mailbox_fd, -1);
    cr_assert_eq(got.neighbourhood.script_count, 2);
    cr_expect_str_eq(got.neighbourhood.script_homes[0].path, "/srv/a b.py");
    cr_expect_str_eq(got.neighbourhood.script_homes[0].home.why, "lxml");
    assert_same_file(got.neighbourhood.script_homes[1].home.mailbox_fd, scripts[1].home.mailbox_fd);
    worker_order_free(&got);
    int first_free = open_null();
    cr_expect_lt(first_free, s_ends[1] + 20, "all have been closed: %d", first_free);
}

Test(worker_order, a_host_of_one_application_has_no_neighbours) {
    struct worker_order sent = worker_order_none, got;
    sent.channel_fd = make_file();
    sent.listen_fd = make_file();
    sent.neighbourhood.process = "shared";
    cr_assert_eq(send_order(&sent), ERR_NONE);
    cr_assert_eq(receive(&got), ERR_NONE);
    assert_same_file(got.listen_fd, sent.listen_fd);
    cr_expect_null(got.neighbourhood.homes);
    cr_expect_null(got.neighbourhood.script_homes);
    cr_expect_eq(got.neighbourhood.mailbox_fd, -1);
    cr_expect_eq(got.balance_member, -1);
    worker_order_free(&got);
}

Test(worker_order, a_log_comes_alone) {
    struct worker_order sent = worker_order_none, got;
    sent.log_fd = make_file();
    sent.log_name = "/var/log/blog.log";
    cr_assert_eq(send_order(&sent), ERR_NONE);
    cr_assert_eq(receive(&got), ERR_NONE);
    assert_same_file(got.log_fd, sent.log_fd);
    cr_expect_str_eq(got.log_name, "/var/log/blog.log");
    cr_expect_eq(got.channel_fd, -1);
    worker_order_free(&got);
    cr_expect_eq(receive(&got), ERR_BUSY);
}

Test(worker_order, more_mailboxes_than_a_packet_takes_are_an_error) {
    enum { GROUPS = 300 };
    static struct home homes[GROUPS];
    struct worker_order sent = worker_order_none;
    for (size_t i = 0; i < GROUPS; i++) {
        homes[i] = (struct home){.process = "x", .mailbox_fd = open_null()};
    }
    sent.channel_fd = make_file();
    sent.neighbourhood.process = "own";
    sent.neighbourhood.homes = homes;
    sent.home_count = GROUPS;
    cr_expect_eq(send_order(&sent), ERR_EXHAUSTED);
    sent.home_count = 200;
    cr_expect_eq(send_order(&sent), ERR_NONE);
}

Test(worker_order, other_packets_are_an_error) {
    struct worker_order got;
    cr_assert_eq(write(s_ends[0], "x", 1), 1);
    cr_expect_eq(receive(&got), ERR_PROTOCOL);
    cr_assert_eq(write(s_ends[0], "0123456789abcdef", 8), 8);
    cr_expect_eq(receive(&got), ERR_PROTOCOL, "it names descriptors that are not there");
    close(s_ends[0]);
    cr_expect_eq(receive(&got), ERR_CLOSED);
}

Test(worker_order, a_template_that_has_ended_takes_none) {
    struct worker_order sent = worker_order_none;
    sent.log_fd = make_file();
    close(s_ends[1]);
    cr_expect_eq(send_order(&sent), ERR_CLOSED);
}

Test(worker_order, a_board_in_a_file_is_seen_by_both) {
    int fd = -1;
    struct scoreboard *ours = scoreboard_new_file(&fd, NULL);
    struct scoreboard *theirs = ours ? scoreboard_open(fd, NULL) : NULL;
    cr_assert_not_null(theirs);
    cr_expect_eq(atomic_load(&theirs->fatal_slot), -1);
    atomic_store(&theirs->used, 3);
    cr_expect_eq(atomic_load(&ours->used), 3);
    cr_expect_eq(ftruncate(fd, 0), -1, "whoever has the descriptor could end the others");
    scoreboard_free(ours);
    scoreboard_free(theirs);
}
