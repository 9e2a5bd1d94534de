#include <criterion/criterion.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/live.h"
#include "fcgi_host/link/live_board.h"

static struct app_config s_app = {.name = (char *)"blog", .dev = true};
static struct application *s_application;
static int s_slot;

static void set_up(void) {
    struct error err;
    const struct config config = {.live = true};
    cr_assert_eq(live_board_open(&err), 0);
    live_start(&config);
    s_slot = live_board_slot("blog");
    s_application = application_new(&s_app, NULL, false, 0);
}
static void tear_down(void) {
    application_free(s_application);
}
TestSuite(live, .init = set_up, .fini = tear_down);

static void load(void) {
    live_draw(&s_app);
    application_set_failure(s_application, NULL);
    application_set_serving(s_application, 1, 1, 1);
}

static void fail(const char *text, enum error_code code) {
    struct error err;
    error_set(&err, code, "%s", text);
    application_set_failure(s_application, &err);
}

Test(live, nothing_is_told_before_the_worker_accepts) {
    load();
    cr_expect_eq(live_board_state(s_slot), 0);
    live_accept();
    uint64_t state = live_board_state(s_slot);
    cr_expect_gt(state, 0);
    live_expect(&s_app);
    load();
    cr_expect_gt(live_board_state(s_slot), state);
}

Test(live, of_an_application_that_is_on_its_way_here_nothing_is_told_before_it_has_come) {
    struct error err;
    live_hold(&s_app);
    live_accept();
    fail("SyntaxError", ERR_PYTHON);
    cr_expect_not(live_take_error(&s_app, &err), "it is for the other worker");
    cr_expect(live_board_take_error(s_slot, &err));
    load();
    cr_expect_eq(live_board_state(s_slot), 0);
    live_release(&s_app);
    uint64_t state = live_board_state(s_slot);
    cr_expect_gt(state, 0);
    cr_expect_not(live_state_is_failure(state));
    live_release(&s_app);
    cr_expect_eq(live_board_state(s_slot), state);
}

Test(live, the_failure_of_a_worker_that_is_not_to_serve_is_for_the_other_one) {
    struct error err;
    fail("SyntaxError", ERR_PYTHON);
    cr_expect_eq(live_board_state(s_slot), 0);
    cr_expect(live_take_error(&s_app, &err));
    cr_expect_str_eq(err.text, "SyntaxError");
}

Test(live, a_failure_is_told_once_and_another_one_again) {
    live_accept();
    load();
    uint64_t serving = live_board_state(s_slot);
    fail("SyntaxError", ERR_PYTHON);
    uint64_t failed = live_board_state(s_slot);
    cr_expect(live_state_is_failure(failed));
    cr_expect_gt(failed, serving);
    cr_expect_eq(live_failure_origin(&s_app).state, failed);
    fail("SyntaxError", ERR_PYTHON);
    cr_expect_eq(live_board_state(s_slot), failed);
    fail("ImportError", ERR_PYTHON);
    cr_expect_gt(live_board_state(s_slot), failed);
}

Test(live, a_refusal_that_another_process_answers_is_none) {
    live_accept();
    load();
    uint64_t serving = live_board_state(s_slot);
    fail("refuses sub-interpreters", ERR_REFUSED);
    cr_expect_eq(live_board_state(s_slot), serving);
}

Test(live, pages_of_other_applications_are_left_alone) {
    const struct app_config plain = {.name = (char *)"plain"};
    cr_expect_eq(live_draw(&plain).slot, -1);
    cr_expect_eq(live_failure_origin(&plain).slot, -1);
    const struct config off = {.live = false};
    live_start(&off);
    cr_expect_eq(live_draw(&s_app).slot, -1);
}
