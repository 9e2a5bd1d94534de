/** A round of the status, with workers, a channel and a loop that are not there. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json_read.h"
#include "fcgi_host/link/history.h"
#include "fcgi_host/supervisor/recent.h"
#include "fcgi_host/supervisor/recent_reloads.h"
#include "fcgi_host/supervisor/reload_counts.h"
#include "fcgi_host/supervisor/status_round.h"
#include "fcgi_host/supervisor/tasks.h"
#include "pool/base/clock.h"

static struct worker_process *s_processes;
static struct fleet_last s_last;
static struct loop_timer *s_timer;
static struct status_round *s_round;
static char s_asked[256];   /* workers that were asked, "1 2" */
static char s_answered[64]; /* askers that were answered, "a b" */
static char s_text[8192];   /* the last document */

/* ---- Fakes ---- */

struct worker_process *groups_next_process(const struct groups *groups,
                                           const struct worker_process *process) {
    (void)groups;
    return process ? process->next : s_processes;
}

const char *groups_name_with(const struct groups *groups, const struct worker_process *process) {
    (void)groups, (void)process;
    return "shared";
}

const char *groups_asleep(const struct groups *groups, size_t index,
                          const struct config **ret_config) {
    static struct app_config s_apps[] = {{.name = (char *)"a"}, {.name = (char *)"b"}};
    static const struct config s_config = {.apps = s_apps, .app_count = 2};
    (void)groups;
    *ret_config = &s_config;
    return index == 0 ? "web" : NULL;
}

bool groups_template(const struct groups *groups, size_t index,
                     struct groups_template *ret_template) {
    (void)groups;
    *ret_template = (struct groups_template){"web", 9, 300, 1 << 20};
    return index == 0;
}

bool groups_process(const struct groups *groups, size_t index, struct groups_process *ret_process) {
    (void)groups;
    *ret_process = (struct groups_process){"shared", 2, 3 << 20, 2 << 20};
    return index == 0;
}

struct fleet *groups_next_fleet(const struct groups *groups, const struct fleet *fleet) {
    (void)groups, (void)fleet;
    return NULL;
}

unsigned fleet_waiting(const struct fleet *fleet) {
    (void)fleet;
    return 0;
}

static struct reload_counts s_reloads;

const struct reload_count *groups_reload_counts(struct groups *groups) {
    (void)groups;
    return s_reloads.first;
}

static struct recent_reloads s_recent;

const struct recent_reloads *groups_recent_reloads(const struct groups *groups) {
    (void)groups;
    return &s_recent;
}

void groups_suspect(struct groups *groups) {
    (void)groups;
}

const struct fleet_last *groups_last(const struct groups *groups) {
    (void)groups;
    return &s_last;
}

uint64_t loop_now_ms(void) {
    return 5000;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    (void)loop;
    cr_assert_eq(delay_ms, 1000);
    timer->is_armed = true;
    s_timer = timer;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    (void)loop;
    timer->is_armed = false;
}

static uint64_t s_number; /* of the round that workers were asked about */

void channel_tell(const struct channel_end *end, const struct channel_outgoing *message) {
    size_t length = strlen(s_asked);
    cr_assert_eq(message->type, CHANNEL_STATUS);
    s_number = message->number;
    snprintf(s_asked + length, sizeof s_asked - length, "%s%d", length ? " " : "",
             (int)end->worker);
}

/* ---- Fixture ---- */

static struct worker_process *add_worker(int pid, enum process_state state) {
    struct worker_process *process = calloc(1, sizeof *process);
    process->pid = process->end.worker = pid;
    process->state = state;
    struct worker_process **last = &s_processes;
    while (*last) {
        last = &(*last)->next;
    }
    *last = process;
    return process;
}

static void remove_worker(struct worker_process *process) {
    struct worker_process **link = &s_processes;
    while (*link != process) {
        link = &(*link)->next;
    }
    *link = process->next;
    status_round_gone(s_round, process);
    free(process);
}

void tasks_write(const struct tasks *tasks, struct json_writer *json) {
    (void)tasks, (void)json;
}

static void setup(void) {
    s_round = status_round_new(NULL, "3.11.2", NULL);
    status_round_set_groups(s_round, NULL, NULL);
}

static void teardown(void) {
    status_round_free(s_round);
    while (s_processes) {
        struct worker_process *process = s_processes;
        s_processes = process->next;
        free(process);
    }
}

TestSuite(status_round, .init = setup, .fini = teardown);

static void on_answer(void *ctx, uint64_t number, const char *text, size_t bytes) {
    size_t length = strlen(s_answered);
    cr_assert_eq(number, 7);
    cr_assert_eq(bytes, strlen(text));
    snprintf(s_answered + length, sizeof s_answered - length, "%s", (const char *)ctx);
    snprintf(s_text, sizeof s_text, "%s", text);
}

static char s_a[] = "a", s_b[] = "b", s_c[] = "c";

static void ask(char *who) {
    status_round_ask(s_round, on_answer, who, 7);
}

static void answer(struct worker_process *process, const char *text) {
    status_round_part(s_round, process, s_number, strdup(text));
}

/* ---- Tests ---- */

Test(status_round, the_document_has_every_workers_part) {
    struct worker_process *one = add_worker(1, PROCESS_SERVING),
                          *two = add_worker(2, PROCESS_SERVING);
    ask(s_a);
    cr_assert_str_eq(s_asked, "1 2");
    answer(two, "{\"pid\":2}");
    cr_assert_str_eq(s_answered, "");
    answer(one, "{\"pid\":1}");
    cr_assert_str_eq(s_answered, "a");
    cr_assert_not(s_timer->is_armed);
    json_t *json = json_parse(s_text, strlen(s_text), NULL);
    const json_t *workers = json_object_get(json, "workers");
    cr_assert_eq(json_array_size(workers), 2);
    cr_assert_eq(json_get_number(json_array_get(workers, 0), "pid"), 1);
    cr_assert_eq(json_get_number(json_array_get(workers, 1), "pid"), 2);
    cr_assert_str_eq(json_get_string(json, "python"), "3.11.2");
    cr_assert(json_is_null(json_object_get(json, "last_replacement")));
    json_decref(json);
}

Test(status_round, the_document_has_what_process_groups_use_and_how_reloads_ended) {
    reload_counts_add(&s_reloads, "shared", "blog", RELOAD_OUTCOME_SWITCHED);
    add_worker(1, PROCESS_SERVING);
    ask(s_a);
    answer(s_processes, "{\"pid\":1}");
    json_t *json = json_parse(s_text, strlen(s_text), NULL);
    const json_t *process = json_array_get(json_object_get(json, "processes"), 0);
    cr_assert_str_eq(json_get_string(process, "process"), "shared");
    cr_assert_eq(json_get_number(process, "workers"), 2);
    cr_assert_eq(json_get_number(process, "rss_bytes"), 3 << 20);
    cr_assert_eq(json_get_number(process, "anonymous_bytes"), 2 << 20);
    const json_t *reloads = json_array_get(json_object_get(json, "reloads"), 0);
    cr_assert_str_eq(json_get_string(reloads, "app"), "blog");
    cr_assert_eq(json_get_number(reloads, "switched"), 1);
    cr_assert_eq(json_get_number(reloads, "kept"), 0);
    json_decref(json);
    reload_counts_free(&s_reloads);
}

Test(status_round, the_document_has_the_last_minutes_and_the_last_reloads) {
    struct error err;
    const struct reload_ending ending = {.cause = "changed: /srv/a.py",
                                         .outcome = RELOAD_OUTCOME_KEPT,
                                         .why = "NameError: x",
                                         .total_ms = 12,
                                         .at_s = 1763992381};
    cr_assert_eq(history_open(clock_now_ns(), &err), 0);
    history_note_request(clock_now_ns(), 3 * CLOCK_NS_PER_MS, 0);
    recent_reloads_add(&s_recent, &(struct recent_reload){.process = (char *)"shared",
                                                          .app = (char *)"blog",
                                                          .ending = ending,
                                                          .ended_ms = 2000});
    add_worker(1, PROCESS_SERVING);
    ask(s_a);
    answer(s_processes, "{\"pid\":1,\"apps\":[{\"queued\":3},{\"queued\":1},{\"queued\":-7}]}");
    json_t *json = json_parse(s_text, strlen(s_text), NULL);
    const json_t *history = json_object_get(json, "history");
    cr_assert_eq(json_get_number(history, "step_s"), HISTORY_STEP_S);
    size_t last = json_array_size(json_object_get(history, "requests")) - 1;
    cr_assert(last <= 1, "a step may have ended meanwhile");
    double requests = 0;
    for (size_t i = 0; i <= last; i++) {
        requests += json_number_value(json_array_get(json_object_get(history, "requests"), i));
    }
    cr_assert_eq(requests, 1);
    cr_assert_eq(json_number_value(json_array_get(json_object_get(history, "queued"), last)), 4);
    cr_assert_eq(json_number_value(json_array_get(json_object_get(history, "rss_bytes"), last)),
                 3 << 20);
    const json_t *reload = json_array_get(json_object_get(json, "recent_reloads"), 0);
    cr_assert_str_eq(json_get_string(reload, "app"), "blog");
    cr_assert_str_eq(json_get_string(reload, "outcome"), "kept");
    cr_assert_str_eq(json_get_string(reload, "why"), "NameError: x");
    cr_assert_str_eq(json_get_string(reload, "at"), "2025-11-24T13:53:01Z");
    cr_assert(json_is_null(json_object_get(reload, "verdict")));
    cr_assert_eq(json_get_number(reload, "age_s"), 3);
    json_decref(json);
    recent_reloads_free(&s_recent);
}

Test(status_round, a_worker_that_does_not_answer_within_a_second_is_stuck_or_starting) {
    add_worker(1, PROCESS_SERVING);
    add_worker(2, PROCESS_LOADING);
    answer(add_worker(3, PROCESS_SERVING), "{\"too\":\"early\"}");
    ask(s_a);
    answer(s_processes->next->next, "{\"pid\":3}");
    cr_assert(s_timer->is_armed);
    s_timer->expired(s_timer->ctx);
    cr_assert_str_eq(s_answered, "a");
    json_t *json = json_parse(s_text, strlen(s_text), NULL);
    const json_t *workers = json_object_get(json, "workers");
    cr_assert_str_eq(json_get_string(json_array_get(workers, 0), "state"), "stuck");
    cr_assert_str_eq(json_get_string(json_array_get(workers, 1), "state"), "starting");
    cr_assert_eq(json_get_number(json_array_get(workers, 2), "pid"), 3);
    json_decref(json);
}

Test(status_round, a_part_that_is_no_json_spoils_no_document) {
    static const char *const parts[] = {"{\"pid\":2", "[1]", "", "{\"a\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct worker_process *good = add_worker(1, PROCESS_SERVING),
                              *bad = add_worker(2, PROCESS_SERVING);
        ask(s_a);
        answer(bad, parts[i]);
        answer(good, "{\"pid\":1}");
        json_t *json = json_parse(s_text, strlen(s_text), NULL);
        const json_t *workers = json_object_get(json, "workers");
        cr_assert_eq(json_array_size(workers), 2, "%s", parts[i]);
        cr_assert_str_eq(json_get_string(json_array_get(workers, 1), "state"), "stuck");
        json_decref(json);
        remove_worker(good);
        remove_worker(bad);
    }
}

Test(status_round, workers_that_were_killed_are_neither_asked_nor_shown) {
    add_worker(1, PROCESS_DOOMED);
    ask(s_a);
    cr_assert_str_eq(s_asked, "");
    cr_assert_str_eq(s_answered, "a");
    cr_assert_not_null(strstr(s_text, "\"workers\":[]"), "%s", s_text);
}

Test(status_round, a_worker_that_goes_is_not_waited_for) {
    struct worker_process *one = add_worker(1, PROCESS_SERVING),
                          *two = add_worker(2, PROCESS_SERVING);
    ask(s_a);
    answer(one, "{\"pid\":1}");
    remove_worker(two);
    cr_assert_str_eq(s_answered, "a");
    cr_assert_not_null(strstr(s_text, "\"workers\":[{\"pid\":1}]"), "%s", s_text);
}

Test(status_round, the_part_of_a_worker_that_went_after_it_answered_is_not_shown) {
    struct worker_process *one = add_worker(1, PROCESS_SERVING),
                          *two = add_worker(2, PROCESS_SERVING);
    ask(s_a);
    answer(one, "{\"pid\":1}");
    remove_worker(one);
    answer(two, "{\"pid\":2}");
    cr_assert_not_null(strstr(s_text, "\"workers\":[{\"pid\":2}]"), "%s", s_text);
}

Test(status_round, those_that_ask_meanwhile_are_answered_by_the_next_round) {
    struct worker_process *one = add_worker(1, PROCESS_SERVING);
    ask(s_a);
    ask(s_b);
    ask(s_c);
    uint64_t first = s_number;
    answer(one, "{\"round\":1}");
    cr_assert_str_eq(s_answered, "a");
    cr_assert_str_eq(s_asked, "1 1");
    status_round_part(s_round, one, first, strdup("{\"late\":1}"));
    cr_assert_str_eq(s_answered, "a");
    answer(one, "{\"round\":2}");
    cr_assert_eq(strlen(s_answered), 3);
    cr_assert_not_null(strstr(s_text, "\"workers\":[{\"round\":2}]"), "%s", s_text);
}

Test(status_round, those_that_have_gone_are_not_answered) {
    struct worker_process *one = add_worker(1, PROCESS_SERVING);
    ask(s_a);
    ask(s_b);
    ask(s_c);
    status_round_forget(s_round, s_a);
    status_round_forget(s_round, s_b);
    answer(one, "{}");
    cr_assert_str_eq(s_answered, "");
    answer(one, "{}");
    cr_assert_str_eq(s_answered, "c");
}

Test(status_round, a_worker_that_asked_and_went_is_not_answered) {
    struct worker_process *one = add_worker(1, PROCESS_SERVING);
    status_round_ask(s_round, on_answer, one, 7);
    remove_worker(one);
    cr_assert_str_eq(s_answered, "");
}

Test(status_round, the_last_replacement_is_told) {
    s_last = (struct fleet_last){
        .cause = "asked", .why = "shop", .is_kept = true, .total_ms = 12, .at_s = 1763992381};
    ask(s_a);
    cr_assert_not_null(strstr(s_text,
                              "\"last_replacement\":{\"cause\":\"asked\",\"outcome\":\"kept\","
                              "\"why\":\"shop\",\"total_ms\":12.000,"
                              "\"at\":\"2025-11-24T13:53:01Z\"}"),
                       "%s", s_text);
}
