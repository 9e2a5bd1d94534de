#include <criterion/criterion.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fcgi_host/base/memory.h"

Test(memory, what_is_touched_is_resident_until_it_is_given_back) {
    const size_t bytes = 64 << 20;
    const size_t step = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t before = memory_resident_bytes();
    cr_assert_gt(before, 0);
    volatile char *block =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)block, MAP_FAILED);
    for (size_t i = 0; i < bytes; i += step) {
        block[i] = 1;
    }
    uint64_t touched = memory_resident_bytes();
    munmap((void *)block, bytes);
    uint64_t after = memory_resident_bytes();
    /* The kernel counts in batches for each thread: a few dozen pages may be missing. */
    cr_assert_gt(touched, before + bytes - (4 << 20));
    cr_assert_lt(after, touched - bytes + (4 << 20));
}

/* The system's libraries are resident, and files back them. */
Test(memory, what_files_back_is_not_anonymous) {
    struct memory_use use = memory_use_of(getpid());
    cr_assert_gt(use.anonymous_bytes, 0);
    cr_assert_gt(use.resident_bytes, use.anonymous_bytes);
    const size_t bytes = 16 << 20;
    char *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    cr_assert_neq((void *)block, MAP_FAILED);
    cr_assert_gt(memory_use_of(getpid()).anonymous_bytes, use.anonymous_bytes + bytes - (4 << 20));
    munmap(block, bytes);
}

Test(memory, a_process_that_is_not_there_uses_none) {
    cr_assert_eq(memory_use_of(0x7fffffff).resident_bytes, 0);
    cr_assert_eq(memory_use_of(0x7fffffff).anonymous_bytes, 0);
}
