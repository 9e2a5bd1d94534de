#include <criterion/criterion.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "reload/objects/heap_block.h"

/* The sanitizer brings an allocator of its own, whose blocks are laid out in another way. */
#ifdef __SANITIZE_ADDRESS__
enum { HAS_LIBC_MALLOC = 0 };
#else
enum { HAS_LIBC_MALLOC = 1 };
#endif

Test(heap_block, a_malloc_block_has_the_size_that_malloc_gave_it, .disabled = !HAS_LIBC_MALLOC) {
    static const size_t s_sizes[] = {1, 24, 100, 4000, 100000};
    for (size_t i = 0; i < sizeof s_sizes / sizeof s_sizes[0]; i++) {
        char *block = malloc(s_sizes[i]);
        memset(block, 0, s_sizes[i]);
        cr_assert_eq(heap_block_bytes((uintptr_t)block), malloc_usable_size(block), "%zu bytes",
                     s_sizes[i]);
        free(block);
    }
}

Test(heap_block, the_middle_of_a_block_and_the_stack_are_no_blocks) {
    char *block = calloc(1, 256);
    long on_stack[8] = {0};
    cr_assert_eq(heap_block_bytes((uintptr_t)block + 32), 0u);
    cr_assert_eq(heap_block_bytes(((uintptr_t)on_stack + 15) & ~(uintptr_t)15), 0u);
    cr_assert_eq(heap_block_bytes(0), 0u);
    free(block);
}
