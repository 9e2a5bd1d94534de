#include <criterion/criterion.h>

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

Test(safe_read, pages_that_were_never_written_are_told_from_others) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool touched[8];
    pages[3 * page] = 1;
    cr_assert(safe_read_touched((uintptr_t)pages, 8, touched));
    for (size_t i = 0; i < 8; i++) {
        cr_assert_eq(touched[i], i == 3, "page %zu", i);
    }
    munmap(pages, 8 * page);
}
