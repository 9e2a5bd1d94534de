#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fcgi_host/link/reload_ending.h"

static struct reload_ending copy(const struct reload_ending *ending) {
    char text[RELOAD_ENDING_BYTES];
    struct reload_ending read;
    reload_ending_write(ending, text);
    reload_ending_parse(text, &read);
    return read;
}

Test(reload_ending, what_was_written_is_read) {
    struct reload_ending read = copy(&(struct reload_ending){
        .cause = "changed: /srv/b log/\xe9.py", .outcome = RELOAD_OUTCOME_KEPT, .why = "E: x"});
    cr_assert_str_eq(read.cause, "changed: /srv/b log/\xe9.py");
    cr_assert_eq(read.outcome, RELOAD_OUTCOME_KEPT);
    cr_assert_str_eq(read.verdict, "");
    cr_assert_str_eq(read.why, "E: x");
}

Test(reload_ending, longest_texts_fit) {
    struct reload_ending ending = {.outcome = RELOAD_OUTCOME_SWITCHED};
    memset(ending.cause, 'c', sizeof ending.cause - 1);
    memset(ending.verdict, 'v', sizeof ending.verdict - 1);
    memset(ending.why, 'w', sizeof ending.why - 1);
    struct reload_ending read = copy(&ending);
    cr_assert_str_eq(read.cause, ending.cause);
    cr_assert_str_eq(read.verdict, ending.verdict);
    cr_assert_str_eq(read.why, ending.why);
}

Test(reload_ending, a_file_name_with_a_newline_forges_no_line) {
    struct reload_ending read = copy(&(struct reload_ending){
        .cause = "changed: /srv/a\nwhy", .outcome = RELOAD_OUTCOME_SWITCHED, .verdict = "clean"});
    cr_assert_str_eq(read.cause, "changed: /srv/a why");
    cr_assert_str_eq(read.why, "");
}

Test(reload_ending, a_text_that_is_none_has_no_outcome) {
    static const char *const texts[] = {"", "\n", "swapped\nclean\nx\ny\n", "\n\n\n\n\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct reload_ending read;
        reload_ending_parse(texts[i], &read);
        cr_assert_eq(read.outcome, RELOAD_OUTCOME_NONE);
    }
}

Test(reload_ending, why_is_the_last_line_of_a_traceback) {
    struct reload_ending ending = {.why = "before"};
    reload_ending_set_why(&ending, "Traceback (most recent call last):\nNameError: y\n");
    cr_assert_str_eq(ending.why, "NameError: y");
    reload_ending_set_why(&ending, "");
    cr_assert_str_eq(ending.why, "");
}
