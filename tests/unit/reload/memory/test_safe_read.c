#include <criterion/criterion.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reload/memory/safe_read.h"

Test(safe_read, copies_what_is_there_and_says_no_otherwise) {
    long value = 42, copy = 0;
    cr_assert(safe_read((uintptr_t)&value, &copy, sizeof copy));
    cr_assert_eq(copy, 42);
    char *gone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(gone, 4096);
    cr_assert_not(safe_read((uintptr_t)gone, &copy, sizeof copy));
    cr_assert_not(safe_read(8, &copy, sizeof copy));
    cr_assert_not(safe_read(UINTPTR_MAX - 3, &copy, sizeof copy));
}

Test(safe_read, each_of_several_addresses_is_read_or_said_not_to_be) {
    long values[4] = {1, 2, 3, 4}, copies[SAFE_READ_MAX] = {0};
    bool was_read[SAFE_READ_MAX];
    const uintptr_t addresses[] = {8,  (uintptr_t)&values[0], 16, 24, (uintptr_t)&values[1],
                                   32, (uintptr_t)&values[2]};
    const long wanted[] = {0, 1, 0, 0, 2, 0, 3};
    safe_read_each(addresses, 7, copies, sizeof *copies, was_read);
    for (size_t i = 0; i < 7; i++) {
        cr_assert_eq(was_read[i], wanted[i] != 0, "%zu", i);
        cr_assert(!was_read[i] || copies[i] == wanted[i], "%zu", i);
    }
    safe_read_each(addresses, 0, copies, sizeof *copies, was_read);
}

/* The sanitizer brings an allocator of its own, whose blocks are laid out in another way. */
#ifdef __SANITIZE_ADDRESS__
enum { HAS_LIBC_MALLOC = 0 };
#else
enum { HAS_LIBC_MALLOC = 1 };
#endif

Test(safe_read, a_malloc_block_has_the_size_that_malloc_gave_it, .disabled = !HAS_LIBC_MALLOC) {
    static const size_t s_sizes[] = {1, 24, 100, 4000, 100000};
    for (size_t i = 0; i < sizeof s_sizes / sizeof s_sizes[0]; i++) {
        char *block = malloc(s_sizes[i]);
        memset(block, 0, s_sizes[i]);
        cr_assert_eq(heap_block_bytes((uintptr_t)block), malloc_usable_size(block), "%zu bytes",
                     s_sizes[i]);
        free(block);
    }
}

Test(safe_read, the_middle_of_a_block_and_the_stack_are_no_blocks) {
    char *block = calloc(1, 256);
    long on_stack[8] = {0};
    cr_assert_eq(heap_block_bytes((uintptr_t)block + 32), 0u);
    cr_assert_eq(heap_block_bytes(((uintptr_t)on_stack + 15) & ~(uintptr_t)15), 0u);
    cr_assert_eq(heap_block_bytes(0), 0u);
    free(block);
}

Test(safe_read, pages_that_were_never_written_are_told_from_others) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool touched[8];
    pages[3 * page] = 1;
    cr_assert(touched_pages((uintptr_t)pages, 8, touched));
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(touched[i], i == 3, "page %zu", i);
    }
    munmap(pages, 8 * page);
}
