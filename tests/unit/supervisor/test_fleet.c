/** What the fleet makes of messages, of workers that end and of a stop. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "tests/unit/supervisor/fleet_fixture.h"
#include "tests/unit/supervisor/notes.h"

#define FOR_MAIN ": an application must live in the main interpreter"

TestSuite(fleet, .init = fleet_setup, .fini = fleet_teardown);

/* ---- Start ---- */

Test(fleet, the_other_workers_start_when_the_first_has_loaded) {
    fleet_set_workers(3, 3);
    fleet_assert_done("launch 100");
    fleet_say(100, CHANNEL_LOADED);
    fleet_assert_done("accept 100; launch 101; launch 102");
}

Test(fleet, a_worker_that_was_refused_an_interpreter_is_a_probe) {
    fleet_say(100, CHANNEL_REFUSED);
    fleet_say(100, CHANNEL_LOADED);
    fleet_assert_done("launch 100; kill 100");
    cr_assert_str_eq(placement_main_reason(fleet_seats->placement, "shop"), "why");
    fleet_end(100, SIGKILL);
    fleet_assert_done("launch 101");
}

Test(fleet, a_first_worker_accepts_when_only_slow_applications_are_left) {
    fleet_set_workers(2, 2);
    fleet_say(100, CHANNEL_SLOW_LEFT);
    fleet_assert_done("launch 100; accept 100");
    fleet_say(100, CHANNEL_LOADED);
    fleet_assert_done("accept 100; launch 101");
}

Test(fleet, but_not_one_that_was_refused_an_interpreter) {
    fleet_say(100, CHANNEL_REFUSED);
    fleet_say(100, CHANNEL_SLOW_LEFT);
    fleet_assert_done("launch 100");
}

Test(fleet, nor_one_that_is_to_replace_another) {
    fleet_say(100, CHANNEL_LOADED);
    fleet_replace(fleet_under_test, &(struct replacement_wish){.cause = "why", .seat = -1});
    fleet_say(101, CHANNEL_SLOW_LEFT);
    fleet_assert_done("launch 100; accept 100; launch 101: why");
}

Test(fleet, a_refusal_while_it_serves_leads_to_a_replacement) {
    fleet_say(100, CHANNEL_LOADED);
    fleet_say(100, CHANNEL_REFUSED);
    fleet_assert_done("launch 100; accept 100; launch 101" FOR_MAIN);
}

Test(fleet, what_waits_for_a_worker_is_told_when_none_comes) {
    struct channel_message told;
    int channel[2];
    cr_assert_eq(channel_pair(channel, NULL), 0);
    fleet_say(100, CHANNEL_LOADED);
    fleet_worker(100)->end.fd = channel[0];
    fleet_say_number(100, CHANNEL_MOVE_ME, CHANNEL_MOVE_REFUSED);
    fleet_say_number(100, CHANNEL_MOVE_ME, CHANNEL_MOVE_REFUSED); /* by another request */
    fleet_assert_done("launch 100; accept 100; launch 101" FOR_MAIN);
    for (int pid = 101; pid <= 105; pid++) {
        fleet_end(pid, SIGSEGV);
    }
    for (int pid = 101; pid <= 105; pid++) { /* edits are the business of each of these … */
        cr_assert_eq(channel_receive(channel[1], &told, NULL), 0);
        cr_expect(told.type == CHANNEL_HOLD_EDITS && told.number > 0);
    }
    cr_assert_eq(channel_receive(channel[1], &told, NULL), 0); /* … and then its own again */
    cr_expect(told.type == CHANNEL_HOLD_EDITS && told.number == 0);
    cr_assert_eq(channel_receive(channel[1], &told, NULL), 0);
    cr_expect_eq(told.type, CHANNEL_STAYS);
    fleet_say_number(100, CHANNEL_MOVE_ME, CHANNEL_MOVE_REFUSED); /* some time later */
    cr_expect_not_null(strstr(notes, "launch 106" FOR_MAIN));
}

/* ---- Ends ---- */

Test(fleet, a_worker_that_crashes_is_started_again) {
    fleet_say(100, CHANNEL_LOADED);
    fleet_end(100, SIGSEGV);
    cr_assert_null(fleet_seats->items[0].current);
    cr_assert(fleet_seats->items[0].refill.is_armed);
}

/** Let the worker serve, then crash. @return after how long the next one starts */
static uint64_t crash_after_serving(int pid, int wait_status) {
    fleet_say(pid, CHANNEL_LOADED);
    fleet_end(pid, wait_status);
    cr_assert(fleet_seats->items[0].refill.is_armed);
    seat_fill(&fleet_seats->items[0]);
    return fleet_seats->items[0].refill.at_ms;
}

Test(fleet, an_application_that_crashes_its_workers_is_slowed_down_and_its_neighbours_are_not) {
    fleet_crashing_app = "shop";
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(crash_after_serving(100 + i, SIGSEGV), 0);
        notes[0] = '\0';
    }
    cr_assert_gt(slowdown_until_ms(fleet_seats->slowdown, "shop"), 100000);
    cr_assert_eq(slowdown_until_ms(fleet_seats->slowdown, "blog"), 0);
}

Test(fleet, a_worker_that_somebody_killed_is_started_again_at_once) {
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(crash_after_serving(100 + i, SIGKILL), 0);
        notes[0] = '\0';
    }
}

Test(fleet, workers_that_die_as_soon_as_they_serve_wait) {
    cr_assert_eq(crash_after_serving(100, SIGSEGV), 250);
    cr_assert_eq(crash_after_serving(101, SIGSEGV), 500);
}

Test(fleet, three_workers_that_cannot_even_start_are_enough) {
    for (int i = 0; i < 3; i++) {
        fleet_assert_done(i == 0 ? "launch 100" : i == 1 ? "launch 101" : "launch 102");
        fleet_end(100 + i, SIGSEGV);
        if (i < 2) {
            seat_fill(&fleet_seats->items[0]);
        }
    }
    fleet_assert_done("ended with 1");
}

Test(fleet, an_old_worker_that_ends_before_it_says_stopped_has_stopped) {
    fleet_say(100, CHANNEL_LOADED);
    fleet_say(100, CHANNEL_REPLACE_ME);
    fleet_say(101, CHANNEL_LOADED);
    fleet_assert_done("launch 100; accept 100; launch 101: why; drain 100 to 101 in 30000 ms");
    cr_assert(replacement_is_under_way(fleet_under_test->replacements));
    fleet_end(100, 0);
    fleet_assert_done("accept 101");
    cr_assert_not(replacement_is_under_way(fleet_under_test->replacements));
    cr_assert_str_eq(fleet_last(fleet_under_test)->cause, "why");
    cr_assert_not(fleet_last(fleet_under_test)->is_kept);
}

Test(fleet, a_replacement_that_dies_is_tried_again) {
    fleet_say(100, CHANNEL_LOADED);
    fleet_say(100, CHANNEL_REPLACE_ME);
    fleet_end(101, SIGSEGV);
    fleet_assert_done("launch 100; accept 100; launch 101: why; launch 102: why");
}

Test(fleet, only_a_worker_that_serves_can_ask_for_its_replacement) {
    fleet_say(100, CHANNEL_REPLACE_ME);
    fleet_assert_done("launch 100");
}

/* ---- Stop ---- */

Test(fleet, a_stop_drains_workers_that_serve_and_kills_those_that_load) {
    fleet_set_workers(2, 2);
    fleet_say(100, CHANNEL_LOADED);
    fleet_stop(fleet_under_test, 10, true);
    fleet_assert_done("launch 100; accept 100; launch 101; kill 101; drain 100 to 0 in 10000 ms");
    fleet_end(100, 0);
    fleet_end(101, SIGKILL);
    fleet_end_if_empty(fleet_under_test);
    fleet_end_if_empty(fleet_under_test);
    fleet_assert_done("ended with 0");
}

Test(fleet, the_first_worker_may_load_for_connections_that_wait) {
    fleet_stop(fleet_under_test, 10, true);
    fleet_assert_done("launch 100");
    fleet_say(100, CHANNEL_LOADED);
    fleet_assert_done("accept 100; drain 100 to 0 in 10000 ms");
}

Test(fleet, without_such_connections_it_is_killed) {
    fleet_stop(fleet_under_test, 10, false);
    fleet_assert_done("launch 100; kill 100");
}

/* Its replacement was cancelled: there is none to go on with. */
Test(fleet, so_may_one_that_loads_to_replace_the_first) {
    fleet_replace(fleet_under_test, &(struct replacement_wish){.cause = "asked", .seat = -1});
    fleet_stop(fleet_under_test, 10, true);
    fleet_say(101, CHANNEL_LOADED);
    fleet_assert_done("launch 100; launch 101: asked; accept 101; drain 101 to 0 in 10000 ms");
}

/* ---- Templates ---- */

Test(fleet, a_worker_that_its_template_does_not_fit_is_started_again_at_once) {
    fleet_worker(100)->is_warm = true;
    fleet_say(100, CHANNEL_COLD);
    fleet_say(100, CHANNEL_LOADED);
    fleet_assert_done("launch 100; kill 100");
    fleet_end(100, SIGKILL);
    fleet_assert_done("launch 101");
    fleet_say(101, CHANNEL_LOADED);
    fleet_assert_done("accept 101");
}

Test(fleet, and_so_is_one_that_is_to_replace_another) {
    fleet_say(100, CHANNEL_LOADED);
    fleet_replace(fleet_under_test, &(struct replacement_wish){.cause = "why", .seat = -1});
    fleet_worker(101)->is_warm = true;
    fleet_say(101, CHANNEL_COLD);
    fleet_say(101, CHANNEL_LOADED);
    fleet_assert_done("launch 100; accept 100; launch 101: why; kill 101");
    fleet_end(101, SIGKILL);
    fleet_assert_done("launch 102: why");
    fleet_say(102, CHANNEL_LOADED);
    fleet_assert_done("drain 100 to 102 in 30000 ms");
}

Test(fleet, a_worker_without_a_template_does_not_say_so) {
    fleet_say(100, CHANNEL_COLD);
    fleet_assert_done("launch 100");
}
