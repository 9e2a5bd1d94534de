/** When a template is made and remade. */
#include <criterion/criterion.h>

#include "tests/unit/supervisor/template_fixture.h"

TestSuite(template_making, .init = template_setup, .fini = template_teardown, .timeout = 60);

Test(template_making, it_is_made_when_a_worker_has_told_what_it_imports) {
    cr_expect(template_why_has("no worker has loaded"));
    template_worker_loaded(template_under_test, false);
    template_pass(500);
    template_assert_done(""); /* what to import is not known yet */
    template_told("list");
    cr_expect_not(template_fits(template_under_test, &template_config));
    template_pass(500);
    cr_expect_not(template_fits(template_under_test, &template_config));
    template_assert_done("make 1 of list");
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    template_assert_done("[template.ready]");
    cr_expect_not(template_is_armed());
    cr_expect_eq(template_pid(template_under_test), 1);
    cr_expect_eq(template_modules(template_under_test), 9);
    cr_expect_eq(template_fork_worker(), 4711);
    template_assert_done("fork of 1");
}

Test(template_making, named_modules_are_imported_when_a_worker_has_loaded) {
    template_config.process.preload = (char *)"a b";
    template_worker_loaded(template_under_test, false);
    template_pass(500);
    template_assert_done("make 1 of names");
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    template_told("more"); /* of no interest */
    template_worker_loaded(template_under_test, true);
    cr_expect_not(template_is_armed());
    template_assert_done("[template.ready]");
}

Test(template_making, it_waits_until_the_group_is_quiet) {
    template_quiet = false;
    template_told("list");
    template_pass(500);
    template_pass(500);
    template_assert_done("");
    template_quiet = true;
    template_pass(500);
    template_assert_done("make 1 of list");
}

Test(template_making, while_workers_wait_for_it_it_is_made_at_once) {
    template_awaited = true;
    template_worker_loaded(template_under_test, false);
    cr_expect(template_is_coming(template_under_test), "the worker tells what it has imported");
    template_told("list");
    template_pass(0);
    cr_expect(template_is_coming(template_under_test));
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    cr_expect_not(template_is_coming(template_under_test));
    template_assert_done("make 1 of list; [template.ready]; settled");
}

Test(template_making, named_modules_are_imported_before_the_first_worker) {
    cr_expect_not(template_make_first(template_under_test), "what to import is not known");
    template_config.process.preload = (char *)"a b";
    template_awaited = true;
    cr_expect(template_make_first(template_under_test));
    template_pass(0);
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    template_assert_done("make 1 of names; [template.ready]; settled");
}

Test(template_making, nobody_waits_for_one_that_does_not_come) {
    template_config.process.preload = (char *)"a b";
    template_awaited = true;
    cr_expect(template_make_first(template_under_test));
    template_pass(0);
    template_reap(template_under_test, 1, 9);
    template_assert_done("make 1 of names; end 1; settled");

    template_awaited = true;
    template_room = false;
    template_pass(1000);
    template_assert_done("settled");

    template_awaited = true;
    template_worker_loaded(template_under_test, false);
    template_forget(template_under_test, "the configuration has changed");
    template_assert_done("settled");
}

Test(template_making, without_memory_there_is_none) {
    template_room = false;
    template_told("list");
    template_pass(500);
    cr_expect_not(template_is_armed());
    cr_expect(template_why_has("memory"));
    template_room = true;
    template_worker_loaded(template_under_test, false);
    template_pass(500);
    template_assert_done("make 1 of list");
}

Test(template_making, another_one_takes_its_place_when_more_is_imported) {
    template_make_of("list");
    template_told("less");
    cr_expect_not(template_is_armed(),
                  "workers that are forked from it have imported less at first");
    template_told("longer list");
    template_pass(500);
    cr_expect_eq(template_fork_worker(), 4711);
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    template_assert_done(
        "make 2 of longer list; fork of 1; end 1; [template.remade]; [template.ready]");
    cr_expect_eq(template_fork_worker(), 4711);
    template_assert_done("fork of 2");
}

Test(template_making, what_must_be_left_out_is_left_out_by_another_one) {
    template_told("list");
    template_pass(500);
    template_says(CHANNEL_TEMPLATE_UNFIT, "b: raises", "b");
    template_pass(0);
    template_says(CHANNEL_TEMPLATE_UNFIT, "c: raises", "b c");
    template_pass(0);
    template_says(CHANNEL_TEMPLATE_READY, "b, c", NULL);
    template_assert_done("make 1 of list; end 1; make 2 of list knowing b; end 2; "
                         "make 3 of list knowing b c; [template.ready]");
    template_told("longer list");
    template_pass(500);
    template_assert_done("make 4 of longer list knowing b c");
}

Test(template_making, what_cannot_be_left_out_is_the_end_of_it) {
    template_told("list");
    template_pass(500);
    template_says(CHANNEL_TEMPLATE_UNFIT, "a library has started a thread", NULL);
    template_assert_done("make 1 of list; end 1; [template.failed]");
    cr_expect(template_why_has("started a thread"));
    template_worker_loaded(template_under_test, false);
    template_told("longer list");
    cr_expect_not(template_is_armed());
}

Test(template_making, one_that_takes_too_long_is_killed) {
    template_told("list");
    template_pass(500);
    template_pass(60000);
    template_assert_done("make 1 of list; end 1");
    cr_expect(template_why_has("in time"));
    template_pass(1000);
    template_assert_done("make 2 of list");
}
