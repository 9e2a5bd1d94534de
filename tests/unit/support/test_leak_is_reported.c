/* Shows that a leak inside a Criterion test fails it: this one must fail (WILL_FAIL). */
#include <stdlib.h>

#include <criterion/criterion.h>

static void *volatile s_block;

Test(leak_is_reported, block_without_a_pointer) {
    s_block = malloc(10);
    s_block = NULL;
}
