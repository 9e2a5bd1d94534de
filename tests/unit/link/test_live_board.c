#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/link/live_board.h"

static int s_blog, s_epoll;

static void set_up(void) {
    struct error err;
    cr_assert_eq(live_board_open(&err), 0);
    s_blog = live_board_slot("blog");
    s_epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    cr_assert_eq(epoll_ctl(s_epoll, EPOLL_CTL_ADD, live_board_fd(), &event), 0);
}
TestSuite(live_board, .init = set_up);

static bool was_told(void) {
    struct epoll_event event;
    return epoll_wait(s_epoll, &event, 1, 0) == 1;
}

/* Load code that serves. @return its state */
static uint64_t load(int slot) {
    uint64_t state = live_board_draw(slot);
    live_board_serves(slot, state);
    return state;
}

Test(live_board, nothing_is_there_before_something_has_loaded) {
    cr_expect_eq(live_board_state(s_blog), 0);
    cr_expect_not(was_told());
    live_board_draw(s_blog);
    cr_expect_eq(live_board_state(s_blog), 0, "only loaded");
    uint64_t state = load(s_blog);
    cr_expect_gt(state, 0);
    cr_expect_eq(live_board_state(s_blog), state);
    cr_expect(was_told());
}

Test(live_board, other_code_and_failures_have_greater_states) {
    uint64_t first = load(s_blog);
    live_board_expect(s_blog);
    uint64_t second = load(s_blog);
    cr_expect_gt(second, first);
    live_board_failed(s_blog);
    uint64_t failed = live_board_state(s_blog);
    cr_expect_gt(failed, second);
    cr_expect(live_state_is_failure(failed));
    cr_expect_not(live_state_is_failure(second));
    cr_expect_gt(load(s_blog), failed, "repaired");
}

Test(live_board, the_same_code_loaded_again_is_no_news) {
    uint64_t first = load(s_blog);
    cr_expect(was_told());
    cr_expect_eq(load(s_blog), first);
    cr_expect_not(was_told());
}

Test(live_board, an_expectation_is_for_one_load_that_serves) {
    load(s_blog);
    live_board_expect(s_blog);
    live_board_draw(s_blog);
    uint64_t second = load(s_blog);
    cr_expect_eq(load(s_blog), second);
}

Test(live_board, applications_have_states_of_their_own) {
    int shop = live_board_slot("shop");
    cr_expect_neq(shop, s_blog);
    cr_expect_eq(live_board_slot("blog"), s_blog);
    uint64_t blog = load(s_blog), other = load(shop);
    live_board_expect(shop);
    cr_expect_eq(load(s_blog), blog);
    cr_expect_gt(load(shop), other);
    live_board_expect(-1);
    cr_expect_gt(load(s_blog), blog);
}

Test(live_board, has_room_for_so_many_and_leaves_the_others_out) {
    char name[16];
    int slot = 0;
    for (int i = 0; i <= LIVE_SLOTS; i++) {
        snprintf(name, sizeof name, "app%d", i);
        slot = live_board_slot(name);
    }
    cr_expect_eq(slot, -1);
    cr_expect_eq(live_board_slot("blog"), s_blog);
    live_board_serves(slot, live_board_draw(slot));
    live_board_failed(slot);
    cr_expect_eq(live_board_state(slot), 0);
}

Test(live_board, other_processes_see_the_same_and_are_woken_without_reading) {
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            live_board_expect(s_blog);
            load(live_board_slot("blog"));
            _exit(0);
        }
        uint64_t before = live_board_state(s_blog);
        waitpid(child, NULL, 0);
        cr_expect(was_told());
        cr_expect_geq(live_board_state(s_blog), before);
        cr_expect_gt(live_board_state(s_blog), 0);
    }
}

Test(live_board, the_error_of_a_failed_load_is_taken_once) {
    struct error err, taken;
    error_set(&err, ERR_PYTHON, "SyntaxError");
    cr_expect_not(live_board_take_error(s_blog, &taken));
    live_board_keep_error(s_blog, &err);
    cr_expect(live_board_take_error(s_blog, &taken));
    cr_expect_str_eq(taken.text, "SyntaxError");
    cr_expect_not(live_board_take_error(s_blog, &taken));
    live_board_keep_error(s_blog, &err);
    live_board_draw(s_blog);
    cr_expect_not(live_board_take_error(s_blog, &taken), "it has loaded since");
}
