#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/base/text.h"

Test(text, two_that_are_absent_are_the_same) {
    cr_expect(text_is_same(NULL, NULL));
    cr_expect(text_is_same("a", "a"));
    cr_expect_not(text_is_same("a", NULL));
    cr_expect_not(text_is_same(NULL, "a"));
    cr_expect_not(text_is_same("a", "A"));
}

Test(text, the_last_line_of_a_traceback_says_what_was_raised) {
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"Traceback (most recent call last):\n  File \"x\"\nNameError: y\n", "NameError: y"},
        {"no such file", "no such file"},
        {"one\ntwo\r\n\n", "two"},
        {"ValueError: 1\n  \n", "ValueError: 1"},
        {"  | ExceptionGroup: two (1 sub-exception)\n  +-+---------------- 1 ----------------\n"
         "    | KeyError: 'a'\n    +------------------------------------\n",
         "KeyError: 'a'"},
        {"ValueError: -1 | 2", "ValueError: -1 | 2"},
        {"", ""},
        {"\n \n", ""},
        {"+--\n", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *line;
        size_t length = text_last_line(cases[i].text, &line);
        cr_expect_eq(length, strlen(cases[i].line), "%s", cases[i].text);
        cr_expect_eq(strncmp(line, cases[i].line, length), 0, "%s", cases[i].text);
    }
}

Test(text, plain_bytes_end_where_something_is_to_be_escaped) {
    cr_expect_eq(text_plain_bytes("a ~", 3, '"'), 3);
    cr_expect_eq(text_plain_bytes("a ~", 3, ' '), 1);
    cr_expect_eq(text_plain_bytes("a\"", 2, ' '), 1);
    cr_expect_eq(text_plain_bytes("a\\", 2, ' '), 1);
    cr_expect_eq(text_plain_bytes("a\n", 2, ' '), 1);
    cr_expect_eq(text_plain_bytes("a\x7f", 2, ' '), 1);
    cr_expect_eq(text_plain_bytes("a\xc3\xa9", 3, ' '), 1);
    cr_expect_eq(text_plain_bytes("ab", 1, ' '), 1);
}

Test(text, words_of_protocols_are_the_same_whatever_the_case_of_their_ascii_letters) {
    cr_expect(text_is_same_word("TRANSFER-ENCODING", "transfer-encoding", 17));
    cr_expect(text_is_same_word("on and on", "On", 2));
    cr_expect_not(text_is_same_word("on", "of", 2));
    cr_expect_not(text_is_same_word("[", "{", 1)); /* differ by the bit that tells the cases */
    cr_expect_not(text_is_same_word("\xc3\x84", "\xc3\xa4", 2));
    cr_expect(text_is_same_word("", "x", 0));
}
