/** Arrays apart from malloc()'s heap. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdint.h>
#include <string.h>

#include "pool/base/apart.h"

Test(apart, what_is_in_an_array_moves_with_it) {
    size_t count = 1;
    uint64_t *items = apart_calloc(count, sizeof *items);
    cr_assert(items && *items == 0);
    for (; count < 100000; count *= 3) {
        items[count - 1] = count;
        items = apart_realloc(items, 3 * count * sizeof *items);
        cr_assert(items != NULL);
        cr_expect(eq(u64, items[count - 1], count));
        cr_expect(eq(u64, items[3 * count - 1], 0));
    }
    cr_expect(eq(u64, items[0], 1));
    apart_free(items);
    apart_free(NULL);
}

Test(apart, too_much_is_refused) {
    cr_expect(apart_calloc(SIZE_MAX / 2, 4) == NULL);
    cr_expect(apart_realloc(NULL, SIZE_MAX - 1) == NULL);
    void *items = apart_calloc(1, 8);
    cr_expect(apart_realloc(items, SIZE_MAX / 2) == NULL);
    memset(items, 1, 8); /* it is as it was */
    apart_free(items);
}
