/** The end of a line for a terminal, and when it has colours. */
#include <criterion/criterion.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/short_line.h"

static const char *end_of(unsigned status, double ms, bool has_colours) {
    static char s_end[SHORT_LINE_END_BYTES];
    size_t size = short_line_end(s_end, status, ms, has_colours);
    cr_assert_eq(size, strlen(s_end));
    return s_end;
}

Test(short_line, status_and_milliseconds_are_at_the_end) {
    cr_expect_str_eq(end_of(200, 12.34, false), " 200 12.3 ms");
    cr_expect_str_eq(end_of(504, 60000, false), " 504 60000.0 ms");
}

Test(short_line, classes_of_statuses_are_told_by_colours) {
    cr_expect_str_eq(end_of(204, 1, true), " \033[32m204\033[0m 1.0 ms");
    cr_expect_str_eq(end_of(304, 1, true), " \033[36m304\033[0m 1.0 ms");
    cr_expect_str_eq(end_of(404, 1, true), " \033[33m404\033[0m 1.0 ms");
    cr_expect_str_eq(end_of(500, 1, true), " \033[31m500\033[0m 1.0 ms");
}

Test(short_line, a_number_out_of_all_bounds_is_cut) {
    cr_expect_eq(strlen(end_of(4000000000u, DBL_MAX, true)), SHORT_LINE_END_BYTES - 1);
}

Test(short_line, what_is_no_terminal_has_no_colours) {
    int ends[2];
    unsetenv("NO_COLOR");
    cr_assert_eq(pipe(ends), 0);
    cr_expect_not(short_line_has_colours(ends[1]));
}
