#include "tests/unit/supervisor/template_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/supervisor/notes.h"

struct app_config template_app;
struct config template_config, template_other_config;
struct seats template_seats;
struct template *template_under_test;
struct loop_timer *template_timer;
bool template_quiet, template_room, template_awaited;
enum error_code template_fork_fails;
static int s_next_pid;
static struct template_process *s_made; /* the last one */
int template_end_fd;                    /* of its channel: what it would write to */

/* ---- Fakes ---- */

uint64_t loop_now_ms(void) {
    return 1000;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    (void)loop;
    timer->is_armed = true;
    timer->at_ms = delay_ms;
    template_timer = timer;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->is_armed = false;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    (void)loop, (void)source, (void)events, (void)err;
    return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source) {
    (void)loop, (void)source;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    (void)level, (void)about, (void)format;
    note("[%s]", slug);
}

void seats_describe_start(struct seats *seats, const struct config *config,
                          struct worker_process_start *ret_start) {
    *ret_start = (struct worker_process_start){.config = config, .balance = seats->balance};
}

void seats_forget_start(struct worker_process_start *start) {
    (void)start;
}

struct template_process *template_process_start(const struct worker_process_start *start,
                                                const struct library_list *list,
                                                const struct library_list *memory,
                                                template_run_function *run, struct error *err) {
    int ends[2];
    (void)run, (void)err;
    cr_assert_eq(start->config, template_seats.config);
    cr_assert_eq(channel_pair(ends, NULL), 0);
    s_made = calloc(1, sizeof *s_made);
    s_made->pid = s_next_pid++;
    s_made->channel.fd = ends[0];
    template_end_fd = ends[1];
    s_made->memory_fd = -1;
    note("make %d of %.*s%s%.*s", (int)s_made->pid, list ? (int)list->size : 5,
         list ? list->bytes : "names", memory->bytes ? " knowing " : "", (int)memory->size,
         memory->bytes ? memory->bytes : "");
    return s_made;
}

pid_t template_process_fork(struct template_process *process, const struct worker_order *order,
                            unsigned timeout_ms, struct error *err) {
    (void)order, (void)timeout_ms;
    note("fork of %d", (int)process->pid);
    return template_fork_fails ? error_set(err, template_fork_fails, "why") : 4711;
}

void template_process_end(struct template_process *process) {
    note("end %d", (int)process->pid);
    close(process->channel.fd);
    free(process);
}

void template_process_end_now(struct template_process *process) {
    template_process_end(process);
}

void template_process_use_log(const struct template_process *process, const char *name, int fd) {
    note("log %s %d of %d", name, fd, (int)process->pid);
}

static bool is_quiet(void *ctx) {
    (void)ctx;
    return template_quiet;
}

static bool has_room(void *ctx) {
    (void)ctx;
    return template_room;
}

static bool is_awaited(void *ctx) {
    (void)ctx;
    return template_awaited;
}

static void settled(void *ctx) {
    (void)ctx;
    if (template_awaited) {
        template_awaited = false;
        note("settled");
    }
}

static int run(const struct template_start *start) {
    (void)start;
    return 0;
}

/* ---- Fixture ---- */

void template_setup(void) {
    template_app =
        (struct app_config){.name = (char *)"shop", .interpreter = (char *)CONFIG_MAIN_INTERPRETER};
    template_config = (struct config){.apps = &template_app,
                                      .app_count = 1,
                                      .workers = {1, 1},
                                      .startup_timeout_s = 60,
                                      .process.preload = (char *)CONFIG_PRELOAD_AUTO};
    template_other_config = template_config;
    template_seats = (struct seats){.config = &template_config, .placement = placement_new()};
    template_quiet = template_room = true;
    s_next_pid = 1;
    const struct template_options options = {.name = "shop",
                                             .seats = &template_seats,
                                             .run = run,
                                             .is_quiet = is_quiet,
                                             .has_room = has_room,
                                             .is_awaited = is_awaited,
                                             .settled = settled};
    template_under_test = template_new(&options, NULL);
    cr_assert_not_null(template_under_test);
}

void template_teardown(void) {
    template_free(template_under_test);
    placement_free(template_seats.placement);
}

void template_assert_done(const char *want) {
    cr_assert_str_eq(notes, want, "%s\nwanted: %s", notes, want);
    notes[0] = '\0';
}

/** The timer is armed for this delay, and expires. */
void template_pass(uint64_t delay_ms) {
    cr_assert(template_timer && template_timer->is_armed);
    cr_assert_eq(template_timer->at_ms, delay_ms, "%u", (unsigned)template_timer->at_ms);
    template_timer->is_armed = false;
    template_timer->expired(template_timer->ctx);
}

bool template_is_armed(void) {
    return template_timer && template_timer->is_armed;
}

void template_told(const char *list) {
    template_learn(template_under_test, strdup(list), strlen(list));
}

/** The one that was made last says something. @param file  what it has learnt; NULL */
void template_says(enum channel_type type, const char *text, const char *file) {
    int fd = file ? channel_make_file(file, strlen(file), NULL) : -1;
    const struct channel_outgoing message = {
        .type = type, .number = 9, .name = "1.5", .text = text, .fd = &fd};
    struct template_process *made = s_made;
    cr_assert_eq(channel_send(template_end_fd, &message, NULL), 0);
    if (fd >= 0) {
        close(fd);
    }
    made->channel.ready(made->channel.ctx, 0);
}

void template_make_of(const char *list) {
    template_told(list);
    template_pass(500);
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    notes[0] = '\0';
}

pid_t template_fork_worker(void) {
    struct error err;
    return template_fits(template_under_test, &template_config)
               ? template_fork(template_under_test, &worker_order_none, &err)
               : 0;
}

bool template_why_has(const char *text) {
    return strstr(template_why(template_under_test), text) != NULL;
}
