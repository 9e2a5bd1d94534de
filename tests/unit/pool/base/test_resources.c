#include "pool/base/resources.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 100 };

/* Take every descriptor that is left. @return how many that were */
static int take_all(int *fds) {
    int count = 0;
    const struct rlimit limit = {LIMIT, LIMIT};
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &limit), 0));
    while ((fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        count++;
    }
    return count;
}

Test(resources, descriptors_that_are_taken_are_missed_and_those_that_are_free_are_left_free) {
    int fds[LIMIT];
    struct error err = {0};
    int count = take_all(fds);
    cr_assert(ge(int, count, RESOURCES_DESCRIPTORS));
    cr_expect(eq(int, resources_check(&err), -1));
    cr_expect(eq(int, (int)err.code, ERR_EXHAUSTED));
    cr_expect(strstr(err.text, "0 of 100 (RLIMIT_NOFILE), 16 are needed") != NULL, "%s", err.text);
    for (int i = 1; i < RESOURCES_DESCRIPTORS; i++) {
        close(fds[--count]);
    }
    cr_expect(eq(int, resources_check(&err), -1));
    cr_expect(strstr(err.text, "15 of 100") != NULL, "%s", err.text);
    close(fds[--count]);
    for (int i = 0; i < 3; i++) { /* it gives back what it takes */
        cr_expect(eq(int, resources_check(&err), 0));
    }
}

Test(resources, memory_that_cannot_be_had_is_missed) {
    struct error err = {0};
    cr_assert(eq(int, resources_check(&err), 0));
    const struct rlimit limit = {16 << 20, RLIM_INFINITY}; /* less than the process has by now */
    cr_assert(eq(int, setrlimit(RLIMIT_AS, &limit), 0));
    int result = resources_check(&err);
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &none);
    cr_expect(eq(int, result, -1));
    cr_expect(eq(int, (int)err.code, ERR_EXHAUSTED));
    cr_expect(strstr(err.text, "memory") != NULL, "%s", err.text);
}
