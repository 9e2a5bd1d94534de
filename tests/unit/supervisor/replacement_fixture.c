#include "tests/unit/supervisor/replacement_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/log_files.h"
#include "fcgi_host/supervisor/replacement.h"
#include "tests/unit/supervisor/notes.h"

enum { SEATS = 3, FIRST_PID = 100, FIRST_NEW_PID = 200 };

static struct seat s_items[SEATS];
static struct seats s_seats = {.items = s_items};
static struct replacement_queue *s_queue;
static struct worker_process *s_all;      /* that were made */
static struct worker_process *s_draining; /* the last that was told to stop */
static struct loop_timer *s_timer;
static uint64_t s_now_ms;
static int s_next_pid;
static bool s_cannot_launch, s_ends_first, s_has_room = true;
static int s_requester;

/* ---- Fakes ---- */

static struct worker_process *make_process(struct seat *seat, int pid) {
    struct worker_process *process = calloc(1, sizeof *process);
    process->seat = seat;
    process->pid = pid;
    process->channel.fd = process->last_words_fd = -1;
    process->next = s_all;
    s_all = process;
    return process;
}

struct worker_process *seat_launch(struct seat *seat, const struct config *config,
                                   struct worker_process *predecessor, const char *cause) {
    if (s_cannot_launch) {
        note("cannot launch");
        return NULL;
    }
    struct worker_process *process = make_process(seat, s_next_pid++);
    note("launch %d in %u%s%s: %s", (int)process->pid, seat->index,
         config != seat->all->config ? " by the new configuration" : "",
         seat->current && seat->current != predecessor ? ", not asking the old one" : "", cause);
    return process;
}

void seat_accept(struct worker_process *process) {
    note("accept %d", (int)process->pid);
}

uint64_t seat_drain_ms(const struct config *config) {
    (void)config;
    return 30000;
}

void seat_drain(struct worker_process *process, struct worker_process *successor,
                uint64_t timeout_ms) {
    cr_assert_eq(timeout_ms, 30000);
    note("drain %d to %d", (int)process->pid, (int)successor->pid);
    s_draining = process;
}

int seat_end(struct worker_process *process, uint64_t timeout_ms) {
    cr_assert_eq(timeout_ms, 30000);
    note("end %d", (int)process->pid);
    s_draining = process;
    return -1;
}

void seat_adopt(struct worker_process *process, int fd) {
    (void)process, (void)fd;
}

void seat_be_patient(struct worker_process *process) {
    (void)process;
}

bool seat_has_room_for(const struct worker_process *process) {
    (void)process;
    return s_has_room;
}

bool seat_ends_first(const struct config *config) {
    (void)config;
    return s_ends_first;
}

void seat_suggest_restart(struct worker_process *process, const char *app) {
    (void)process;
    note("hint for %s", app);
}

void seat_kill(struct worker_process *process) {
    note("kill %d", (int)process->pid);
}

uint64_t loop_now_ms(void) {
    return s_now_ms;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    (void)loop;
    timer->is_armed = true;
    timer->at_ms = s_now_ms + delay_ms;
    s_timer = timer;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->is_armed = false;
}

int log_files_open(const struct config *config, struct error *err) {
    (void)config, (void)err;
    return 0;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)slug, (void)about, (void)format;
}

/* ---- The queue's users ---- */

static void on_done(void *ctx, const struct replacement_result *result) {
    cr_assert_eq(ctx, &s_requester);
    note("done, %s%s after %.0f ms", result->is_kept ? "kept: " : "replaced", result->why,
         result->total_ms);
}

static void on_ended(void *ctx, const struct replacement_result *result) {
    (void)ctx;
    note("ended: %s", result->cause);
    replacement_next(s_queue);
}

static void on_config_proven(void *ctx, struct config *config) {
    (void)ctx;
    note("new configuration in effect");
    config_free((struct config *)s_seats.config);
    s_seats.config = config;
}

static void set_up(unsigned seats) {
    static const struct replacement_hooks s_hooks = {.config_proven = on_config_proven,
                                                     .ended = on_ended};
    notes[0] = '\0';
    s_now_ms = 1000;
    s_next_pid = FIRST_NEW_PID;
    s_timer = NULL;
    s_cannot_launch = s_ends_first = false;
    s_seats.is_closed = false;
    s_seats.count = seats;
    s_seats.config = calloc(1, sizeof *s_seats.config);
    for (unsigned i = 0; i < SEATS; i++) {
        s_items[i] = (struct seat){.all = &s_seats, .index = i};
        s_items[i].current = i < seats ? make_process(&s_items[i], FIRST_PID + (int)i) : NULL;
    }
    s_queue = replacement_queue_new(&s_seats, &s_hooks, NULL);
    cr_assert_not_null(s_queue);
}

static void tear_down(void) {
    replacement_cancel_all(s_queue, "the test is over");
    replacement_queue_free(s_queue);
    while (s_all) {
        struct worker_process *process = s_all;
        s_all = process->next;
        worker_process_free(process);
    }
    config_free((struct config *)s_seats.config);
}

/* ---- Steps ---- */

static struct seat *loading_seat(void) {
    for (unsigned i = 0; i < s_seats.count; i++) {
        if (s_items[i].coming) {
            return &s_items[i];
        }
    }
    cr_assert_fail("nothing is loading");
    return NULL;
}

/** `what` "all" or the number of a seat */
static void ask_by(int worker, const char *cause, const char *what, bool is_forced,
                   bool has_config) {
    const struct replacement_wish wish = {
        .cause = cause,
        .config = has_config ? calloc(1, sizeof *wish.config) : NULL,
        .seat = strcmp(what, "all") == 0 ? -1 : atoi(what),
        .worker = worker,
        .is_forced = is_forced,
        .done = on_done,
        .ctx = &s_requester,
    };
    replacement_add(s_queue, &wish);
}

static void ask(const char *cause, const char *what, bool is_forced, bool has_config) {
    ask_by(0, cause, what, is_forced, has_config);
}

static void expire(unsigned ms) {
    s_now_ms += ms;
    if (s_timer && s_timer->is_armed && s_timer->at_ms <= s_now_ms) {
        s_timer->is_armed = false;
        s_timer->expired(s_timer->ctx);
    }
}

static void take_step(const char *verb, const char *object) {
    if (strcmp(verb, "replace") == 0) {
        ask("asked", object, false, false);
    } else if (strcmp(verb, "also") == 0) {
        ask("asked again", object, false, false);
    } else if (strcmp(verb, "plead") == 0) { /* the seat's worker, for its own replacement */
        ask_by(s_items[atoi(object)].current->pid, "pleaded", object, false, false);
    } else if (strcmp(verb, "force") == 0) {
        ask("forced", object, true, false);
    } else if (strcmp(verb, "config") == 0) {
        ask("SIGHUP", object, false, true);
    } else if (strcmp(verb, "loses") == 0) {
        worker_process_add_failed(loading_seat()->coming, object, NULL);
    } else if (strcmp(verb, "lost") == 0) { /* the old worker has not got it either */
        worker_process_add_failed(loading_seat()->current, object, NULL);
    } else if (strcmp(verb, "raises") == 0) {
        worker_process_add_failed(loading_seat()->coming, object, "Traceback:\nNameError: x\n");
    } else if (strcmp(verb, "in_use") == 0) {
        loading_seat()->coming->found_in_use = true;
    } else if (strcmp(verb, "restart") == 0) {
        s_ends_first = true;
    } else if (strcmp(verb, "full") == 0) {
        s_has_room = false;
    } else if (strcmp(verb, "gone") == 0) {
        replacement_gone(s_queue, object ? atoi(object) : s_draining->pid);
    } else if (strcmp(verb, "loaded") == 0) {
        replacement_loaded(s_queue, loading_seat());
    } else if (strcmp(verb, "dies") == 0) {
        loading_seat()->coming = NULL;
        replacement_died(s_queue, "died of SIGSEGV");
    } else if (strcmp(verb, "refused") == 0) { /* it was a probe; another is to load */
        loading_seat()->coming = NULL;
        replacement_next(s_queue);
    } else if (strcmp(verb, "crash") == 0) { /* a worker that served */
        s_items[atoi(object)].current = NULL;
    } else if (strcmp(verb, "stopped") == 0) {
        replacement_left(s_queue, object ? atoi(object) : s_draining->pid);
    } else if (strcmp(verb, "wait") == 0) {
        expire((unsigned)atoi(object));
    } else if (strcmp(verb, "forget") == 0) {
        replacement_forget(s_queue, &s_requester);
    } else if (strcmp(verb, "no_memory") == 0) {
        s_cannot_launch = true;
    } else if (strcmp(verb, "stop") == 0) {
        s_seats.is_closed = true;
        replacement_cancel_all(s_queue, "the host is stopping");
    } else if (strcmp(verb, "idle") == 0) {
        cr_assert_not(replacement_is_under_way(s_queue));
    } else {
        cr_assert_fail("no such step: %s", verb);
    }
}

void check_replacement(unsigned seats, const char *steps, const char *want) {
    char text[512], *rest = NULL;
    set_up(seats);
    snprintf(text, sizeof text, "%s", steps);
    for (char *step = strtok_r(text, ";", &rest); step; step = strtok_r(NULL, ";", &rest)) {
        step += strspn(step, " ");
        char *object = strchr(step, ' ');
        if (object) {
            *object++ = '\0';
        }
        take_step(step, object);
    }
    cr_assert_str_eq(notes, want, "%s\n  did:  %s\n  want: %s", steps, notes, want);
    tear_down();
}
