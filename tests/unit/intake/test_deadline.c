#include <criterion/criterion.h>

#include "fcgi_host/intake/deadline.h"
#include "pool/base/clock.h"

Test(deadline, the_first_that_was_started_is_the_nearest) {
    struct deadline_list list;
    struct deadline first = {0}, second = {0};
    deadline_list_init(&list, 1000);
    cr_assert_eq(deadline_nearest(&list), UINT64_MAX, "there is none");
    uint64_t before = clock_now_ns();
    deadline_start(&list, &first);
    deadline_start(&list, &second);
    cr_assert_geq(first.at_ns, before + 1000 * UINT64_C(1000000));
    cr_assert_leq(first.at_ns, second.at_ns);
    cr_assert_eq(deadline_nearest(&list), first.at_ns);
    deadline_stop(&first);
    cr_assert_eq(deadline_nearest(&list), second.at_ns);
}

Test(deadline, one_that_counts_already_is_not_put_off) {
    struct deadline_list list;
    struct deadline deadline = {0};
    deadline_list_init(&list, 1000);
    deadline_start(&list, &deadline);
    uint64_t at_ns = deadline.at_ns;
    deadline_start(&list, &deadline);
    cr_assert_eq(deadline.at_ns, at_ns);
}

Test(deadline, a_start_in_another_list_replaces_the_first) {
    struct deadline_list soon, late;
    struct deadline deadline = {0};
    deadline_list_init(&soon, 1);
    deadline_list_init(&late, 60000);
    deadline_start(&soon, &deadline);
    deadline_start(&late, &deadline);
    cr_assert_eq(deadline_nearest(&soon), UINT64_MAX);
    cr_assert_eq(deadline_nearest(&late), deadline.at_ns);
}

Test(deadline, expired_ones_are_taken_out_in_their_order) {
    struct deadline_list list;
    struct deadline first = {0}, second = {0};
    deadline_list_init(&list, 1000);
    deadline_start(&list, &first);
    deadline_start(&list, &second);
    cr_assert_null(deadline_take_expired(&list, first.at_ns - 1));
    cr_assert_eq(deadline_take_expired(&list, second.at_ns), &first);
    cr_assert_null(first.list, "it counts no more");
    cr_assert_eq(deadline_take_expired(&list, second.at_ns), &second);
    cr_assert_null(deadline_take_expired(&list, UINT64_MAX));
    deadline_stop(&second); /* nothing happens */
}
