/** How workers share connections: who yields, who is woken. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fcgi_host/link/balance.h"

static struct balance *s_balance;
static int s_a, s_b, s_c;

static void setup(void) {
    struct error err;
    s_balance = balance_new(3, &err);
    cr_assert(s_balance, "%s", err.text);
    s_a = balance_join(s_balance);
    s_b = balance_join(s_balance);
    s_c = balance_join(s_balance);
    balance_set_state(s_balance, s_a, BALANCE_LISTENING);
    balance_set_state(s_balance, s_b, BALANCE_LISTENING);
}

static void teardown(void) {
    balance_release(s_balance);
    balance_leave(s_balance, s_a);
    balance_leave(s_balance, s_b);
    balance_leave(s_balance, s_c); /* frees it: the sanitizer would tell if it did not */
}

TestSuite(balance, .init = setup, .fini = teardown);

static void has(int member, unsigned in_hand) {
    atomic_store(balance_in_hand(s_balance, member), in_hand);
}

static bool was_woken(int member) {
    uint64_t count;
    return read(balance_wake_fd(s_balance, member), &count, sizeof count) == sizeof count;
}

Test(balance, the_one_with_more_yields_and_wakes_the_other_once) {
    has(s_a, 3);
    has(s_b, 1);
    cr_expect(balance_yield(s_balance, s_a));
    cr_expect(was_woken(s_b));
    cr_expect(balance_yield(s_balance, s_a));
    cr_expect_not(was_woken(s_b), "it knows");
    cr_expect_not(balance_yield(s_balance, s_b));
    has(s_b, 3);
    cr_expect_not(balance_yield(s_balance, s_a));
}

Test(balance, who_has_one_request_does_not_yield) {
    has(s_a, 1);
    has(s_b, 0);
    cr_expect_not(balance_yield(s_balance, s_a));
    cr_expect_not(was_woken(s_b));
}

Test(balance, nobody_yields_to_one_that_does_not_listen) {
    has(s_a, 9);
    has(s_b, 3);
    has(s_c, 0); /* absent */
    cr_expect(balance_yield(s_balance, s_a));
    has(s_b, 20);
    cr_expect_not(balance_yield(s_balance, s_b), "the one with less yields itself");
    cr_expect_not(was_woken(s_c));
}

Test(balance, an_idler_that_yields_is_woken) {
    has(s_a, 4);
    has(s_b, 2);
    cr_assert(balance_yield(s_balance, s_a));
    has(s_a, 1);
    has(s_b, 3);
    balance_wake_idlers(s_balance, s_b);
    cr_expect(was_woken(s_a));
    cr_expect_not(balance_yield(s_balance, s_a));
    balance_wake_idlers(s_balance, s_b);
    cr_expect_not(was_woken(s_a), "it listens");
}

Test(balance, when_the_one_yielded_to_goes_the_others_are_woken) {
    has(s_a, 4);
    has(s_b, 0);
    cr_assert(balance_yield(s_balance, s_a));
    balance_set_state(s_balance, s_b, BALANCE_ABSENT);
    cr_expect(was_woken(s_a));
    cr_expect_not(balance_yield(s_balance, s_a));
}

Test(balance, a_member_whose_process_died_is_gone_and_its_place_free) {
    cr_expect_eq(balance_join(s_balance), -1, "all are taken");
    has(s_b, 7);
    balance_leave(s_balance, s_b);
    cr_expect_eq(balance_join(s_balance), s_b);
    cr_expect_eq(atomic_load(balance_in_hand(s_balance, s_b)), 0);
    has(s_a, 5);
    cr_expect_not(balance_yield(s_balance, s_a), "the new one does not listen yet");
}
