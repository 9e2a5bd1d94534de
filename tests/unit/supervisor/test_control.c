/** The control socket: its protocol over a real socket, with clients that behave badly. */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fcgi_host/supervisor/control.h"
#include "tests/support/temporary_folder.h"

enum {
    BOUND_MS = 20000, /* a test that hangs is stopped */
    CLIENTS = 8,
};

static struct loop *s_loop;
static struct control *s_control;
static struct loop_timer s_bound;
static char s_path[TEMPORARY_FOLDER_SIZE + 8];

static char s_commands[1024]; /* that have come: "word word; word" */
static struct control_client *s_waiting[CLIENTS];
static unsigned s_command_count, s_gone_count;
static bool s_answers_at_once;

static void on_command(void *ctx, struct control_client *client, const struct string_list *words) {
    size_t length = strlen(s_commands);
    cr_assert_eq(ctx, &s_commands);
    for (size_t i = 0; i < words->count && i < 4; i++) {
        length += (size_t)snprintf(s_commands + length, sizeof s_commands - length, "%s%s",
                                   i        ? " "
                                   : length ? "; "
                                            : "",
                                   words->items[i]);
    }
    if (words->count > 4) {
        snprintf(s_commands + length, sizeof s_commands - length, " and %zu more",
                 words->count - 4);
    }
    if (s_answers_at_once) {
        control_answer(client, words->items[0], strlen(words->items[0]));
    } else {
        s_waiting[s_command_count % CLIENTS] = client;
    }
    s_command_count++;
    loop_stop(s_loop);
}

static void on_gone(void *ctx, struct control_client *client) {
    (void)ctx;
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (s_waiting[i] == client) {
            s_waiting[i] = NULL;
        }
    }
    s_gone_count++;
    loop_stop(s_loop);
}

static void took_too_long(void *ctx) {
    (void)ctx;
    cr_assert_fail("nothing has come");
}

static void setup(void) {
    const struct control_hooks hooks = {&s_commands, on_command, on_gone};
    struct error err;
    snprintf(s_path, sizeof s_path, "%s/control", temporary_folder());
    s_loop = loop_new(&err);
    s_control = control_new(s_loop, s_path, &hooks, &err);
    cr_assert_not_null(s_control, "%s", err.text);
    s_bound = (struct loop_timer){.expired = took_too_long};
    loop_arm(s_loop, &s_bound, BOUND_MS);
}

static void teardown(void) {
    struct stat status;
    control_free(s_control);
    loop_free(s_loop);
    cr_assert_eq(lstat(s_path, &status), -1, "the socket is still there");
}

TestSuite(control, .init = setup, .fini = teardown);

/* ---- Clients ---- */

static int client(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, s_path, strlen(s_path));
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text) {
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void stop_loop(void *ctx) {
    (void)ctx;
    loop_stop(s_loop);
}

/** Let the loop handle what is there. */
static void turn(void) {
    struct loop_timer timer = {.expired = stop_loop};
    loop_arm(s_loop, &timer, 50);
    cr_assert_eq(loop_run(s_loop, NULL), 0);
    loop_disarm(s_loop, &timer);
}

/** Run the loop until a command comes, or a client has gone. */
static void await_event(void) {
    cr_assert_eq(loop_run(s_loop, NULL), 0);
}

/** All that comes until the other side closes, with the loop running. @return malloc'ed */
static char *read_all(int fd, size_t *ret_bytes) {
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_bytes);
    for (unsigned tries = 0; tries < 1000; tries++) {
        char bytes[65536];
        ssize_t count = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (count > 0) {
            fwrite(bytes, 1, (size_t)count, out);
        } else if (count == 0 || errno == ECONNRESET) {
            fclose(out);
            close(fd);
            return text;
        } else {
            turn();
        }
    }
    cr_assert_fail("the other side does not close");
    return NULL;
}

static void assert_answered(int fd, const char *want) {
    size_t bytes;
    char *text = read_all(fd, &bytes);
    cr_assert_str_eq(text, want);
    free(text);
}

/* ---- The protocol ---- */

Test(control, a_command_is_words_one_a_line_and_an_empty_line) {
    s_answers_at_once = true;
    int fd = client();
    say(fd, "reload\nshop\n/srv/a b.py\n\n");
    assert_answered(fd, "reload\n");
    cr_assert_str_eq(s_commands, "reload shop /srv/a b.py");
}

Test(control, a_command_may_come_in_pieces) {
    s_answers_at_once = true;
    int fd = client();
    for (const char *at = "status\n\n"; *at; at++) {
        cr_assert_eq(s_command_count, 0);
        send(fd, at, 1, MSG_NOSIGNAL);
        turn();
    }
    assert_answered(fd, "status\n");
    cr_assert_str_eq(s_commands, "status");
}

Test(control, it_may_be_answered_later) {
    int fd = client();
    say(fd, "status\n\n");
    await_event();
    turn();
    control_answer(s_waiting[0], "{}", 2);
    assert_answered(fd, "{}\n");
    cr_assert_eq(s_gone_count, 0);
}

/* So that it can tell a host that is at work from one that hangs. */
Test(control, a_client_that_waits_gets_a_sign_of_life_then_its_answer) {
    char blank[8];
    int fd = client();
    say(fd, "reload\n\n");
    await_event();
    for (int i = 0; i < 2; i++) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        while (poll(&waiting, 1, 0) == 0) {
            turn();
        }
        cr_assert_eq(recv(fd, blank, sizeof blank, 0), 1);
        cr_assert_eq(blank[0], ' ');
    }
    control_answer(s_waiting[0], "{}", 2);
    assert_answered(fd, "{}\n");
}

Test(control, each_of_many_clients_gets_its_own_answer) {
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        char text[32];
        fds[i] = client();
        snprintf(text, sizeof text, "client %d\n\n", i);
        say(fds[i], text);
        await_event();
    }
    for (int i = CLIENTS - 1; i >= 0; i--) { /* the last first */
        char text[32];
        snprintf(text, sizeof text, "answer %d", i);
        control_answer(s_waiting[i], text, strlen(text));
    }
    for (int i = 0; i < CLIENTS; i++) {
        char want[32];
        snprintf(want, sizeof want, "answer %d\n", i);
        assert_answered(fds[i], want);
    }
}

Test(control, more_clients_than_there_may_be_are_closed_at_once) {
    enum { MANY = 40, MAX_CLIENTS = 32 };
    int fds[MANY];
    unsigned closed = 0;
    for (unsigned i = 0; i < MANY; i++) {
        fds[i] = client();
        turn();
    }
    for (unsigned i = 0; i < MANY; i++) {
        char byte;
        closed += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
        close(fds[i]);
    }
    cr_assert_eq(closed, MANY - MAX_CLIENTS);
    turn();
    s_answers_at_once = true; /* there is room again */
    int fd = client();
    say(fd, "status\n\n");
    assert_answered(fd, "status\n");
}

Test(control, an_answer_may_be_larger_than_the_socket_holds) {
    enum { BYTES = 8 << 20 };
    char *answer = malloc(BYTES);
    size_t bytes;
    for (size_t i = 0; i < BYTES; i++) {
        answer[i] = (char)('a' + i % 26);
    }
    int fd = client();
    say(fd, "status\n\n");
    await_event();
    control_answer(s_waiting[0], answer, BYTES);
    char *text = read_all(fd, &bytes);
    cr_assert_eq(bytes, BYTES + 1);
    cr_assert_eq(memcmp(text, answer, BYTES), 0);
    free(text);
    free(answer);
}

Test(control, a_client_that_only_closed_its_side_is_answered) {
    int fd = client();
    say(fd, "status\n\n");
    shutdown(fd, SHUT_WR);
    await_event();
    turn();
    control_answer(s_waiting[0], "{}", 2);
    assert_answered(fd, "{}\n");
}

/* ---- Clients that behave badly ---- */

Test(control, a_client_that_goes_before_its_answer_is_told_of) {
    int fd = client();
    say(fd, "status\n\n");
    await_event();
    close(fd);
    await_event();
    cr_assert_eq(s_gone_count, 1);
    cr_assert_null(s_waiting[0]);
}

Test(control, a_client_that_goes_while_it_takes_its_answer_is_closed) {
    enum { BYTES = 8 << 20 };
    char *answer = calloc(1, BYTES);
    int fd = client();
    say(fd, "status\n\n");
    await_event();
    control_answer(s_waiting[0], answer, BYTES);
    free(answer);
    turn();
    close(fd);
    turn();
    cr_assert_eq(s_gone_count, 0, "it was answered");
    s_answers_at_once = true;
    fd = client();
    say(fd, "status\n\n");
    assert_answered(fd, "status\n");
}

Test(control, what_is_no_command_is_closed_unanswered) {
    static const struct {
        const char *text;
        size_t bytes;
    } s_bad[] = {{"\n\n", 2}, {"\n\n\n", 3}, {"stat\0us\n\n", 9}, {"\0", 1}};
    for (size_t i = 0; i < sizeof s_bad / sizeof s_bad[0]; i++) {
        int fd = client();
        cr_assert_eq(send(fd, s_bad[i].text, s_bad[i].bytes, 0), (ssize_t)s_bad[i].bytes);
        assert_answered(fd, "");
    }
    cr_assert_eq(s_command_count, 0);
}

Test(control, a_command_has_a_greatest_length) {
    enum { GREATEST = 65536 };
    char *text = malloc(GREATEST + 1);
    memset(text, 'x', GREATEST + 1);
    text[GREATEST] = '\0';
    int fd = client();
    say(fd, text);
    assert_answered(fd, "");
    cr_assert_eq(s_command_count, 0);
    memcpy(text + GREATEST - 2, "\n\n", 2); /* just short enough */
    fd = client();
    say(fd, text);
    await_event();
    cr_assert_eq(s_command_count, 1);
    close(fd);
    free(text);
}

Test(control, a_command_has_a_greatest_number_of_words) {
    enum { WORDS = 2000, MAX_WORDS = 1024 };
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    for (unsigned i = 0; i < WORDS; i++) {
        fputs("word\n", out);
    }
    fputs("\n", out);
    fclose(out);
    s_answers_at_once = true;
    int fd = client();
    say(fd, text);
    assert_answered(fd, "word\n");
    cr_assert_str_eq(s_commands, "word word word word and 1020 more");
    free(text);
}

Test(control, a_client_that_says_too_little_is_closed_after_five_seconds, .timeout = 60) {
    int fd = client();
    say(fd, "stat");
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    while (poll(&waiting, 1, 0) == 0) {
        turn();
    }
    assert_answered(fd, "");
}

Test(control, clients_that_wait_are_told_of_when_the_socket_goes) {
    int fd = client();
    say(fd, "status\n\n");
    await_event();
    control_free(s_control);
    s_control = NULL;
    cr_assert_eq(s_gone_count, 1);
    char byte;
    cr_assert_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

/* ---- The socket ---- */

Test(control, the_socket_is_private) {
    struct stat status;
    cr_assert_eq(stat(s_path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
}

Test(control, a_socket_that_answers_is_not_taken_over) {
    const struct control_hooks hooks = {0};
    struct error err;
    cr_assert_null(control_new(s_loop, s_path, &hooks, &err));
    cr_assert_eq(err.code, ERR_BUSY);
}
