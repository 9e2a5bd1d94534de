#include "pool/base/string_list.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(string_list, strings_are_in_the_order_in_which_they_were_added) {
    struct string_list list = {0};
    cr_assert(eq(int, string_list_add(&list, strdup("one")), 0));
    cr_assert(eq(int, string_list_add(&list, strdup("two")), 0));
    cr_assert(eq(sz, list.count, 2));
    cr_expect_str_eq(list.items[0], "one");
    cr_expect_str_eq(list.items[1], "two");
    string_list_clear(&list);
}

Test(string_list, a_copy_that_failed_is_not_added) {
    struct string_list list = {0};
    cr_assert(eq(int, string_list_add(&list, strdup("one")), 0));
    cr_expect(eq(int, string_list_add(&list, NULL), -1));
    cr_expect(eq(sz, list.count, 1));
    string_list_clear(&list);
}

Test(string_list, a_cleared_list_is_empty_and_can_be_filled_again) {
    struct string_list list = {0};
    string_list_clear(&list);
    cr_assert(eq(int, string_list_add(&list, strdup("one")), 0));
    string_list_clear(&list);
    cr_expect(eq(sz, list.count, 0));
    cr_assert(eq(int, string_list_add(&list, strdup("two")), 0));
    cr_expect_str_eq(list.items[0], "two");
    string_list_clear(&list);
}

Test(string_list, only_a_whole_string_is_found) {
    char one[] = "one", two[] = "two", *items[] = {one, two};
    const struct string_list list = {items, 2}, empty = {0};
    cr_expect(string_list_has(&list, "two"));
    cr_expect_not(string_list_has(&list, "tw"));
    cr_expect_not(string_list_has(&list, "twofold"));
    cr_expect_not(string_list_has(&empty, "two"));
}
