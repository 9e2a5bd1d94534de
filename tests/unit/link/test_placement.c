#include <criterion/criterion.h>

#include "fcgi_host/link/placement.h"

static struct placement *s_placement;

static void set_up(void) {
    s_placement = placement_new();
}
static void tear_down(void) {
    placement_free(s_placement);
}
TestSuite(placement, .init = set_up, .fini = tear_down);

static enum placement_verdict crash(const char *app, bool is_main) {
    return placement_crashed(s_placement, app, app, is_main, "died of SIGSEGV", false);
}

Test(placement, an_interpreter_is_moved_once_and_says_why) {
    cr_assert_null(placement_main_reason(s_placement, "science"));
    cr_assert_eq(placement_move_to_main(s_placement, "science", "numpy refuses", NULL), 1);
    cr_assert_eq(placement_move_to_main(s_placement, "science", "again", NULL), 0);
    cr_assert_str_eq(placement_main_reason(s_placement, "science"), "numpy refuses");
    cr_assert_null(placement_main_reason(s_placement, "blog"));
}

Test(placement, moved_interpreters_are_listed_in_their_order) {
    placement_move_to_main(s_placement, "b", "", NULL);
    placement_move_to_main(s_placement, "a", "", NULL);
    cr_assert_str_eq(placement_moved(s_placement, 0), "b");
    cr_assert_str_eq(placement_moved(s_placement, 1), "a");
    cr_assert_null(placement_moved(s_placement, 2));
}

Test(placement, after_one_crash_it_is_tried_in_the_main_interpreter_after_two_not_at_all) {
    cr_assert_eq(crash("bad", false), PLACEMENT_MOVED);
    cr_assert_not_null(placement_main_reason(s_placement, "bad"));
    cr_assert_null(placement_failed_reason(s_placement, "bad"));
    cr_assert_eq(crash("bad", true), PLACEMENT_FAILED);
    cr_assert_str_eq(placement_failed_reason(s_placement, "bad"), "died of SIGSEGV");
    cr_assert_null(placement_failed_reason(s_placement, "good"));
}

Test(placement, one_in_the_main_interpreter_gets_two_tries_there) {
    cr_assert_eq(crash("bad", true), PLACEMENT_RETRY);
    cr_assert_eq(crash("bad", true), PLACEMENT_FAILED);
}

Test(placement, sigkill_says_less_it_takes_three_and_moves_nothing) {
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(placement_crashed(s_placement, "big", "big", false, "killed", true),
                     PLACEMENT_RETRY);
        cr_assert_null(placement_main_reason(s_placement, "big"));
    }
    cr_assert_eq(placement_crashed(s_placement, "big", "big", false, "killed", true),
                 PLACEMENT_FAILED);
}

Test(placement, one_that_loads_has_a_clean_record) {
    crash("bad", true);
    placement_loaded(s_placement, "bad");
    cr_assert_eq(crash("bad", true), PLACEMENT_RETRY);
}

Test(placement, one_or_all_can_be_tried_again) {
    crash("a", true), crash("a", true), crash("b", true), crash("b", true);
    placement_retry(s_placement, "a");
    cr_assert_null(placement_failed_reason(s_placement, "a"));
    cr_assert_not_null(placement_failed_reason(s_placement, "b"));
    placement_retry(s_placement, NULL);
    cr_assert_null(placement_failed_reason(s_placement, "b"));
}

Test(placement, a_new_configuration_forgets_all) {
    placement_move_to_main(s_placement, "a", "", NULL);
    crash("b", true), crash("b", true);
    placement_clear(s_placement);
    cr_assert_null(placement_main_reason(s_placement, "a"));
    cr_assert_null(placement_failed_reason(s_placement, "b"));
}

Test(placement, that_a_crash_moved_it_is_forgotten_when_its_code_changes_a_refusal_is_not) {
    placement_move_to_main(s_placement, "science", "numpy refuses", NULL);
    crash("a", false);
    crash("b", false);
    placement_forget_guesses(s_placement, "a");
    cr_assert_null(placement_main_reason(s_placement, "a"));
    cr_assert_not_null(placement_main_reason(s_placement, "b"));
    placement_forget_guesses(s_placement, NULL);
    cr_assert_null(placement_main_reason(s_placement, "b"));
    cr_assert_str_eq(placement_moved(s_placement, 0), "science");
    cr_assert_null(placement_moved(s_placement, 1));
}

Test(placement, a_retry_forgets_the_guess_as_well) {
    crash("a", false);
    crash("b", false);
    placement_retry(s_placement, "a");
    cr_assert_null(placement_main_reason(s_placement, "a"));
    placement_retry(s_placement, NULL);
    cr_assert_null(placement_main_reason(s_placement, "b"));
}
