/** Templates that end or do not fit, and when workers start without. */
#include <criterion/criterion.h>
#include <signal.h>

#include "tests/unit/supervisor/template_fixture.h"

TestSuite(template, .init = template_setup, .fini = template_teardown, .timeout = 60);

/* ---- Its end ---- */

Test(template, one_that_dies_is_made_again_a_few_times) {
    template_make_of("list");
    cr_expect(template_reap(template_under_test, 1, SIGKILL));
    cr_expect_eq(template_fork_worker(), 0);
    cr_expect(template_why_has("died of SIGKILL"));
    template_pass(1000);
    cr_expect(template_reap(template_under_test, 2, SIGSEGV));
    template_pass(2000);
    template_assert_done("end 1; make 2 of list; end 2; make 3 of list");
    cr_expect(template_reap(template_under_test, 3, 1 << 8));
    template_assert_done("end 3; [template.failed]");
    cr_expect_not(template_is_armed());
    cr_expect(template_why_has("3 templates in a row: exited with status 1"));
    template_worker_loaded(template_under_test, false);
    cr_expect_not(template_is_armed());
}

Test(template, one_that_has_forked_a_worker_begins_a_new_row) {
    template_make_of("list");
    for (int pid = 1; pid < 8; pid++) {
        cr_expect_eq(template_fork_worker(), 4711);
        cr_expect(template_reap(template_under_test, pid, SIGKILL));
        template_pass(1000);
        template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    }
}

Test(template, one_that_told_and_ended_is_heard) {
    template_told("list");
    template_pass(500);
    int fd = -1;
    const struct channel_outgoing message = {
        .type = CHANNEL_TEMPLATE_UNFIT, .text = "no Python", .fd = &fd};
    cr_assert_eq(channel_send(template_end_fd, &message, NULL), 0);
    cr_expect(template_reap(template_under_test, 1, 0));
    cr_expect(template_why_has("no Python"));
    cr_expect_not(template_is_armed());
}

Test(template, other_processes_are_not_its) {
    template_make_of("list");
    cr_expect_not(template_reap(template_under_test, 99, SIGKILL));
    template_assert_done("");
}

Test(template, one_that_does_not_answer_is_not_asked_again) {
    template_make_of("list");
    template_fork_fails = ERR_TIMEOUT;
    cr_expect_eq(template_fork_worker(), -1);
    template_assert_done("fork of 1; [template.unused]; end 1");
    cr_expect_eq(template_fork_worker(), 0);
    template_pass(1000);
    template_assert_done("make 2 of list");
    template_fork_fails = ERR_NONE;
}

Test(template, one_whose_libraries_have_changed_is_made_again_at_once) {
    template_make_of("list");
    template_fork_fails = ERR_FAILED;
    cr_expect_eq(template_fork_worker(), -1);
    template_pass(500);
    template_assert_done("fork of 1; [template.unused]; end 1; make 2 of list");
    cr_expect(template_why_has("changed: why"));
    template_fork_fails = ERR_NONE;
}

Test(template, one_worker_that_it_cannot_be_asked_for_changes_nothing) {
    template_make_of("list");
    template_fork_fails = ERR_EXHAUSTED;
    cr_expect_eq(template_fork_worker(), -1);
    template_assert_done("fork of 1; [template.unused]");
    template_fork_fails = ERR_NONE;
    cr_expect_eq(template_fork_worker(), 4711);
}

Test(template, one_that_names_a_worker_which_is_known_is_killed) {
    struct worker_process known = {.pid = 4711};
    template_make_of("list");
    template_seats.processes = &known;
    cr_expect_eq(template_fork_worker(), -1);
    template_assert_done("fork of 1; [template.unused]; end 1");
    template_pass(1000);
    template_assert_done("make 2 of list");
    template_seats.processes = NULL;
}

Test(template, one_that_does_not_fit_is_made_of_what_the_next_worker_tells) {
    template_make_of("list");
    template_misfit(template_under_test, "other order", -1);
    cr_expect_not(template_is_armed());
    cr_expect(template_why_has("other order"));
    template_worker_loaded(template_under_test, false);
    template_pass(500);
    template_assert_done("end 1");
    template_told("other");
    template_pass(500);
    template_assert_done("make 2 of other");
}

Test(template, one_of_which_an_application_cannot_be_loaded_that_is_broken_is_kept) {
    template_make_of("list");
    for (int i = 0; i < 5; i++) {
        template_misfit(template_under_test, "loading raises ValueError", -1);
        cr_expect_not(template_fits(template_under_test, &template_config));
        cr_expect(template_why_has("ValueError"));
        template_worker_failed(template_under_test);
        cr_expect(template_fits(template_under_test, &template_config));
    }
    template_assert_done("");
}

Test(template, three_that_do_not_fit_are_enough) {
    for (int i = 0; i < 3; i++) {
        template_make_of("list");
        template_misfit(template_under_test, "other order", -1);
        template_worker_loaded(template_under_test, false);
    }
    template_told("list");
    cr_expect_not(template_is_armed());
    template_assert_done("end 3; [template.failed]");
}

Test(template, one_that_fits_begins_a_new_row) {
    for (int i = 0; i < 8; i++) {
        template_make_of("list");
        template_worker_loaded(template_under_test, true);
        template_misfit(template_under_test, "other order", -1);
        template_worker_loaded(template_under_test, false);
    }
}

Test(template, named_modules_that_do_not_fit_are_not_tried_again) {
    template_config.process.preload = (char *)"a b";
    template_worker_loaded(template_under_test, false);
    template_pass(500);
    template_says(CHANNEL_TEMPLATE_READY, "", NULL);
    template_misfit(template_under_test, "other order", -1);
    template_worker_loaded(template_under_test, false);
    cr_expect_not(template_is_armed());
}

/* ---- What it is for ---- */

Test(template, another_configuration_has_another_one) {
    template_make_of("list");
    cr_expect_not(template_fits(template_under_test, &template_other_config),
                  "it is not in effect");
    template_assert_done("");
    template_seats.config = &template_other_config;
    template_forget(template_under_test, "the configuration has changed");
    cr_expect_not(template_fits(template_under_test, &template_other_config));
    cr_expect(template_why_has("the configuration has changed"));
    template_worker_loaded(template_under_test, false);
    template_pass(500);
    template_assert_done("end 1");
    template_told("l");
    template_pass(500);
    template_assert_done("make 2 of l");
}

Test(template, it_is_for_one_application_in_main) {
    static const struct {
        const char *interpreter, *preload, *why;
        size_t apps;
    } s_cases[] = {
        {CONFIG_MAIN_INTERPRETER, CONFIG_PRELOAD_OFF, "preload = off", 1},
        {CONFIG_MAIN_INTERPRETER, CONFIG_PRELOAD_AUTO, "more than one application", 2},
        {CONFIG_MAIN_INTERPRETER, CONFIG_PRELOAD_AUTO, "scripts", 0},
        {"shop", CONFIG_PRELOAD_AUTO, "sub-interpreter", 1},
    };
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        template_app.interpreter = (char *)s_cases[i].interpreter;
        template_config.process.preload = (char *)s_cases[i].preload;
        template_config.app_count = s_cases[i].apps;
        template_worker_loaded(template_under_test, false);
        template_told("list");
        cr_expect_not(template_is_armed());
        cr_expect(template_why_has(s_cases[i].why), "%s", template_why(template_under_test));
    }
}

Test(template, an_application_that_is_moved_to_main_gets_one_from_then_on) {
    template_app.interpreter = (char *)"shop";
    placement_move_to_main(template_seats.placement, "shop", "lxml refuses", NULL);
    template_make_of("list");
    cr_expect(template_fits(template_under_test, &template_config));
    placement_clear(template_seats.placement);
    cr_expect_not(template_fits(template_under_test, &template_config));
    placement_move_to_main(template_seats.placement, "shop", "numpy refuses", NULL);
    cr_expect_not(template_fits(template_under_test, &template_config),
                  "its workers would tell the old reason");
    template_assert_done("end 1");
}

Test(template, an_application_that_was_given_up_is_not_loaded_from_it) {
    template_make_of("list");
    for (int i = 0; i < 3; i++) {
        placement_crashed(template_seats.placement, "shop", "main", true, "died", false);
    }
    cr_expect_not(template_fits(template_under_test, &template_config));
    placement_retry(template_seats.placement, NULL);
    cr_expect(template_fits(template_under_test, &template_config));
}

Test(template, the_log_is_passed_to_each) {
    template_make_of("list");
    template_told("longer list");
    template_pass(500);
    template_use_log(template_under_test, "a", 7);
    template_assert_done("make 2 of longer list; log a 7 of 1; log a 7 of 2");
}

Test(template, a_group_that_ends_keeps_its_one_and_makes_no_other) {
    template_make_of("list");
    template_told("longer list");
    template_pass(500);
    template_close(template_under_test);
    template_assert_done("make 2 of longer list; end 2");
    cr_expect_eq(template_fork_worker(), 4711);
    template_told("an even longer list");
    cr_expect_not(template_is_armed());
}
