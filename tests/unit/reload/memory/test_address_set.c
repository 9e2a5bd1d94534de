#include <criterion/criterion.h>

#include "reload/memory/address_set.h"

Test(address_set, finds_what_was_added_and_nothing_else) {
    struct address_set set = {0};
    cr_assert_null(address_set_find(&set, 0x1000));
    for (uintptr_t i = 1; i <= 5000; i++) {
        address_set_add(&set, i * 0x1000)->value = i;
    }
    cr_assert_eq(set.count, 5000u);
    for (uintptr_t i = 1; i <= 5000; i++) {
        cr_assert_eq(address_set_find(&set, i * 0x1000)->value, i);
        cr_assert_null(address_set_find(&set, i * 0x1000 + 8));
    }
    address_set_clear(&set);
    cr_assert_null(address_set_find(&set, 0x1000));
}

Test(address_set, adding_again_gives_the_same_entry) {
    struct address_set set = {0};
    address_set_add(&set, 0x7f0012345678)->value = 3;
    cr_assert_eq(address_set_add(&set, 0x7f0012345678)->value, 3u);
    cr_assert_eq(set.count, 1u);
    address_set_clear(&set);
}
