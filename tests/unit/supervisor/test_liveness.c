/** Turns of questions and answers, by a loop whose time passes when the test says so. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/liveness.h"

static struct config s_config = {.stuck_timeout_s = 20};
static struct seat s_seat;
static struct seats s_seats = {.items = &s_seat, .count = 1, .config = &s_config};
static struct worker_process s_process;
static struct loop_timer *s_turn;
static unsigned s_pings, s_watched;

/* ---- Fakes ---- */

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    (void)loop;
    timer->is_armed = true;
    timer->at_ms = delay_ms;
    if (timer != &s_seat.refill) {
        s_turn = timer;
    }
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->is_armed = false;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    (void)loop, (void)source, (void)events, (void)err;
    return 0;
}

int loop_change(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    s_watched++;
    return loop_add(loop, source, events, err);
}

void loop_remove(struct loop *loop, struct loop_source *source) {
    (void)loop, (void)source;
}

void channel_tell(const struct channel_end *end, const struct channel_outgoing *message) {
    (void)end;
    cr_assert_eq(message->type, CHANNEL_PING);
    s_pings++;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)about, (void)format;
    cr_assert_str_eq(slug, "worker.stuck");
}

/* ---- Fixture ---- */

static struct liveness *s_liveness;

static pid_t start_child(void) {
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    return pid;
}

static void set_up(void) {
    int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s_seat.all = &s_seats;
    s_seat.current = &s_process;
    s_process.seat = &s_seat;
    s_process.state = PROCESS_SERVING;
    s_process.pid = start_child();
    s_process.board = scoreboard_new(NULL);
    s_seats.processes = &s_process;
    s_liveness = liveness_new(&s_seats, listen_fd, NULL);
    cr_assert_not_null(s_liveness);
    close(listen_fd);
}

static void tear_down(void) {
    liveness_free(s_liveness);
    kill(s_process.pid, SIGKILL);
    waitpid(s_process.pid, NULL, 0);
}
TestSuite(liveness, .init = set_up, .fini = tear_down, .timeout = 60);

static void pass_turns(unsigned count) {
    while (count-- > 0 && s_turn->is_armed) {
        s_turn->is_armed = false;
        s_turn->expired(s_turn->ctx);
    }
}

static bool is_killed(void) {
    siginfo_t info = {0};
    waitid(P_PID, (id_t)s_process.pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid != 0;
}

static void await_kill(void) {
    siginfo_t info;
    waitid(P_PID, (id_t)s_process.pid, &info, WEXITED | WNOWAIT);
    cr_assert_eq(info.si_status, SIGKILL);
}

Test(liveness, an_idle_host_is_asked_once_and_then_left_alone) {
    liveness_suspect(s_liveness);
    cr_assert_eq(s_pings, 1);
    cr_assert_eq(s_turn->at_ms, 5000, "four turns");
    liveness_answered(&s_process);
    pass_turns(10);
    cr_assert_eq(s_pings, 1);
    cr_assert_not(s_turn->is_armed);
    cr_assert_eq(s_watched, 1, "a connection is the next reason");
}

Test(liveness, a_worker_that_does_not_answer_is_killed_and_another_starts_at_once) {
    liveness_suspect(s_liveness);
    pass_turns(3);
    cr_assert_not(is_killed());
    cr_assert_eq(s_pings, 1, "one question is enough");
    pass_turns(1);
    await_kill();
    cr_assert_null(s_seat.current);
    cr_assert(s_seat.refill.is_armed);
}

Test(liveness, an_answer_is_never_too_late) {
    liveness_suspect(s_liveness);
    pass_turns(3);
    liveness_answered(&s_process);
    pass_turns(10);
    cr_assert_not(is_killed());
}

Test(liveness, requests_in_hand_are_a_reason_to_go_on) {
    struct scoreboard_slot *slot = &s_process.board->slots[0];
    atomic_store(&s_process.board->used, 1);
    scoreboard_begin(slot, SLOT_SERVING, 1);
    liveness_suspect(s_liveness);
    for (unsigned turn = 1; turn <= 20; turn++) {
        liveness_answered(&s_process);
        pass_turns(1);
        cr_assert_eq(s_pings, turn + 1);
    }
    scoreboard_end(slot);
    liveness_answered(&s_process);
    pass_turns(1); /* it has worked since */
    cr_assert(s_turn->is_armed);
    liveness_answered(&s_process);
    pass_turns(1);
    cr_assert_not(s_turn->is_armed);
}

Test(liveness, one_that_is_traced_is_left_alone) {
    int status;
    cr_assert_eq(ptrace(PTRACE_SEIZE, s_process.pid, NULL, NULL), 0);
    liveness_suspect(s_liveness);
    pass_turns(20);
    cr_assert_not(is_killed());
    cr_assert_eq(ptrace(PTRACE_INTERRUPT, s_process.pid, NULL, NULL), 0);
    waitpid(s_process.pid, &status, __WALL);
    cr_assert_eq(ptrace(PTRACE_DETACH, s_process.pid, NULL, NULL), 0);
    pass_turns(8);
    await_kill();
}

Test(liveness, one_that_stops_is_asked_until_it_says_so) {
    s_process.state = PROCESS_DRAINING;
    liveness_suspect(s_liveness);
    cr_assert_eq(s_pings, 1);
    s_process.has_stopped = true;
    pass_turns(10);
    cr_assert_not(is_killed(), "it has its deadline");
}

Test(liveness, it_may_be_off) {
    s_config.stuck_timeout_s = 0;
    liveness_suspect(s_liveness);
    cr_assert_eq(s_pings, 0);
}
