/** As many workers as are needed: scaling.c decides. */
#include <criterion/criterion.h>
#include <signal.h>

#include "tests/unit/supervisor/fleet_fixture.h"
#include "tests/unit/supervisor/notes.h"

TestSuite(fleet_scaling, .init = fleet_setup, .fini = fleet_teardown);

static struct worker_process *s_heir;

static struct worker_process *find_heir(void *ctx) {
    (void)ctx;
    return s_heir;
}

static void set_idle(unsigned seconds) {
    fleet_config.idle_timeout_s = seconds;
    fleet_under_test->hooks.find_heir = find_heir;
}

/** Let time pass until nothing is looked at any more, at most an hour. */
static void wait_for_looks(void) {
    uint64_t end_ms = fleet_now_ms + 3600 * 1000;
    while (fleet_under_test->look.is_armed && fleet_now_ms < end_ms) {
        fleet_now_ms += fleet_under_test->look.at_ms;
        fleet_under_test->look.is_armed = false;
        fleet_under_test->look.expired(fleet_under_test->look.ctx);
    }
}

Test(fleet_scaling, an_idle_worker_of_a_fixed_number_is_never_looked_at) {
    fleet_say(100, CHANNEL_LOADED);
    cr_expect_not(fleet_under_test->look.is_armed);
    fleet_say(100, CHANNEL_BUSY);
    cr_expect_not(fleet_under_test->look.is_armed);
}

Test(fleet_scaling, it_falls_asleep_and_passes_its_connections_to_another_groups_worker) {
    struct worker_process heir = {.pid = 50};
    s_heir = &heir;
    set_idle(10);
    fleet_say(100, CHANNEL_LOADED);
    wait_for_looks();
    fleet_assert_done("launch 100; accept 100; drain 100 to 50 in 30000 ms");
    cr_expect(fleet_is_asleep(fleet_under_test));
    fleet_end(100, 0);
    fleet_assert_done("");
    fleet_wake(fleet_under_test);
    fleet_wake(fleet_under_test);
    fleet_assert_done("launch 101");
    cr_expect_not(fleet_is_asleep(fleet_under_test));
}

Test(fleet_scaling, alone_it_ends_when_its_worker_has_no_connection) {
    s_heir = NULL;
    set_idle(10);
    fleet_say(100, CHANNEL_LOADED);
    wait_for_looks();
    fleet_assert_done("launch 100; accept 100");
    fleet_say(100, CHANNEL_NOTHING_LEFT);
    fleet_assert_done("drain 100 to 0 in 30000 ms");
    cr_expect(fleet_is_asleep(fleet_under_test));
}

Test(fleet_scaling, asleep_it_has_nothing_to_replace) {
    s_heir = NULL;
    set_idle(10);
    fleet_say(100, CHANNEL_LOADED);
    wait_for_looks();
    fleet_say(100, CHANNEL_NOTHING_LEFT);
    fleet_end(100, 0);
    fleet_replace(fleet_under_test, &(struct replacement_wish){.cause = "asked", .seat = -1});
    cr_expect(fleet_is_asleep(fleet_under_test));
    fleet_assert_done("launch 100; accept 100; drain 100 to 0 in 30000 ms");
    set_idle(0);
    fleet_fit(fleet_under_test); /* its workers are not to sleep any more */
    fleet_assert_done("launch 101");
}

Test(fleet_scaling, more_workers_than_the_least_end_one_by_one) {
    fleet_set_workers(3, 3);
    fleet_say(100, CHANNEL_LOADED);
    fleet_say(101, CHANNEL_LOADED);
    fleet_say(102, CHANNEL_LOADED);
    fleet_set_workers(1, 3);
    fleet_say(100, CHANNEL_BUSY);
    wait_for_looks();
    fleet_assert_done("launch 100; accept 100; launch 101; launch 102; accept 101; accept 102; "
                      "drain 102 to 100 in 30000 ms; drain 101 to 100 in 30000 ms");
    cr_expect_eq(fleet_under_test->wanted, 1);
}
