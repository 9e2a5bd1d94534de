/** The last reloads of all applications. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "fcgi_host/supervisor/recent_reloads.h"

static struct recent_reloads s_reloads;

static void free_reloads(void) {
    recent_reloads_free(&s_reloads);
}
TestSuite(recent_reloads, .fini = free_reloads);

static void add(unsigned number) {
    char app[16];
    snprintf(app, sizeof app, "app%u", number);
    recent_reloads_add(&s_reloads,
                       &(struct recent_reload){
                           .process = (char *)"shared",
                           .app = app,
                           .ending = {.outcome = RELOAD_OUTCOME_SWITCHED, .total_ms = number},
                           .ended_ms = number,
                       });
}

static void add_of(pid_t worker, const char *cause, const char *verdict, uint64_t at_ms) {
    struct recent_reload reload = {
        .process = (char *)"shared",
        .app = (char *)"blog",
        .ending = {.outcome = RELOAD_OUTCOME_SWITCHED, .total_ms = (double)at_ms},
        .ended_ms = at_ms,
        .worker = worker,
    };
    snprintf(reload.ending.cause, sizeof reload.ending.cause, "%s", cause);
    snprintf(reload.ending.verdict, sizeof reload.ending.verdict, "%s", verdict);
    recent_reloads_add(&s_reloads, &reload);
}

Test(recent_reloads, workers_that_reload_for_the_same_cause_do_so_together) {
    add_of(1, "changed: a", "clean", 100);
    add(1);
    add_of(2, "changed: a", "stale", 300);
    add_of(3, "changed: a", "clean", 301);
    cr_assert_eq(s_reloads.count, 2);
    cr_assert_eq(s_reloads.items[1].worker_count, 3);
    cr_assert_eq(s_reloads.items[1].ending.total_ms, 301);
    cr_assert_str_eq(s_reloads.items[1].ending.verdict, "stale");
    cr_assert_eq(s_reloads.items[0].worker_count, 0, "of all workers");
}

Test(recent_reloads, others_are_others) {
    add_of(1, "changed: a", "clean", 100);
    add_of(2, "changed: b", "clean", 100);
    add_of(3, "changed: b", "clean", 100 + RECENT_TOGETHER_MS + 1);
    cr_assert_eq(s_reloads.count, 3);
}

Test(recent_reloads, a_second_edit_is_another_reload_however_soon_it_comes) {
    static const pid_t workers[] = {1, 2, 1, 2};
    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        add_of(workers[i], "changed: a", "clean", 100 * i);
    }
    cr_assert_eq(s_reloads.count, 2);
    cr_assert_eq(s_reloads.items[0].worker_count, 2);
    cr_assert_eq(s_reloads.items[1].worker_count, 2);
}

Test(recent_reloads, workers_that_are_replaced_one_after_the_other_are_one_entry) {
    for (pid_t seat = 1; seat <= 4; seat++) { /* each takes ten seconds */
        add_of(-seat, "changed: a", "", 10000 * (uint64_t)seat);
    }
    cr_assert_eq(s_reloads.count, 1);
    cr_assert_eq(s_reloads.items[0].worker_count, 4);
}

Test(recent_reloads, the_worst_verdict_counts) {
    static const char *const cases[][3] = {{"", "dangling", "dangling"},
                                           {"reinitialised", "stale", "stale"},
                                           {"clean", "", "clean"},
                                           {"stale", "clean", "stale"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        add_of(1, cases[i][0], cases[i][0], 100); /* the cause tells them apart */
        snprintf(s_reloads.items[0].ending.cause, 2, "%zu", i);
        struct recent_reload other = s_reloads.items[0];
        other.worker = 2;
        snprintf(other.ending.verdict, sizeof other.ending.verdict, "%s", cases[i][1]);
        recent_reloads_add(&s_reloads, &other);
        cr_assert_eq(s_reloads.count, i + 1);
        cr_assert_str_eq(s_reloads.items[0].ending.verdict, cases[i][2]);
    }
}

Test(recent_reloads, the_newest_is_the_first) {
    add(1);
    add(2);
    cr_assert_eq(s_reloads.count, 2);
    cr_assert_str_eq(s_reloads.items[0].app, "app2");
    cr_assert_str_eq(s_reloads.items[1].app, "app1");
    cr_assert_str_eq(s_reloads.items[1].process, "shared");
    cr_assert_eq(s_reloads.items[1].ending.total_ms, 1);
    cr_assert_eq(s_reloads.items[1].ended_ms, 1);
}

Test(recent_reloads, the_oldest_is_forgotten) {
    for (unsigned i = 1; i <= RECENT_RELOADS + 2; i++) {
        add(i);
    }
    cr_assert_eq(s_reloads.count, RECENT_RELOADS);
    cr_assert_eq(s_reloads.items[0].ended_ms, RECENT_RELOADS + 2);
    cr_assert_eq(s_reloads.items[RECENT_RELOADS - 1].ended_ms, 3);
}
