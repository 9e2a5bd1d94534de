#include <criterion/criterion.h>

#include "fcgi_host/supervisor/stop_signal.h"

Test(stop_signal, the_first_asks_to_finish_and_a_second_one_to_stop_now) {
    struct stop_signal stop = {0};
    cr_assert_eq(stop_signal_meaning(&stop, 5000, false), STOP_GRACEFULLY);
    cr_assert_eq(stop_signal_meaning(&stop, 9000, false), STOP_NOW);
}

Test(stop_signal, a_spawner_that_repeats_itself_each_second_is_not_in_a_hurry) {
    struct stop_signal stop = {0};
    cr_assert_eq(stop_signal_meaning(&stop, 5000, true), STOP_GRACEFULLY);
    for (uint64_t now_ms = 6000; now_ms < 20000; now_ms += 1000) {
        cr_assert_eq(stop_signal_meaning(&stop, now_ms, true), STOP_REPEATED);
    }
}

Test(stop_signal, two_in_quick_succession_are_meant_whoever_sends_them) {
    struct stop_signal stop = {0};
    stop_signal_meaning(&stop, 5000, true);
    cr_assert_eq(stop_signal_meaning(&stop, 5300, true), STOP_NOW);
}

Test(stop_signal, somebody_else_than_the_spawner_is_obeyed_at_any_time) {
    struct stop_signal stop = {0};
    stop_signal_meaning(&stop, 5000, true);
    stop_signal_meaning(&stop, 6000, true);
    cr_assert_eq(stop_signal_meaning(&stop, 7000, false), STOP_NOW);
}
