#include <criterion/criterion.h>

#include "fcgi_host/base/text.h"

Test(text, two_that_are_absent_are_the_same) {
    cr_expect(text_is_same(NULL, NULL));
    cr_expect(text_is_same("a", "a"));
    cr_expect_not(text_is_same("a", NULL));
    cr_expect_not(text_is_same(NULL, "a"));
    cr_expect_not(text_is_same("a", "A"));
}

Test(text, words_of_protocols_are_the_same_whatever_the_case_of_their_ascii_letters) {
    cr_expect(text_is_same_word("TRANSFER-ENCODING", "transfer-encoding", 17));
    cr_expect(text_is_same_word("on and on", "On", 2));
    cr_expect_not(text_is_same_word("on", "of", 2));
    cr_expect_not(text_is_same_word("[", "{", 1)); /* differ by the bit that tells the cases */
    cr_expect_not(text_is_same_word("\xc3\x84", "\xc3\xa4", 2));
    cr_expect(text_is_same_word("", "x", 0));
}
