/* Expected text: HTML Living Standard §13.1.2.3, §13.1.2.6 (what text and quoted attributes must
 * not hold), §13.5 (named character references). */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/html.h"

static void assert_shown_bytes(const char *text, size_t size, const char *expected) {
    char *written = NULL;
    size_t bytes;
    FILE *out = open_memstream(&written, &bytes);
    cr_assert(out);
    html_put_text(out, text, size);
    cr_assert_eq(fclose(out), 0);
    cr_assert_str_eq(written, expected);
    free(written);
}

static void assert_shown(const char *text, const char *expected) {
    assert_shown_bytes(text, strlen(text), expected);
}

Test(html, text_cannot_open_a_tag_or_close_an_attribute) {
    assert_shown("<a href=\"x\" title='y'>&amp;</a>",
                 "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
}

Test(html, other_text_stays_as_it_is) {
    assert_shown("caf\xc3\xa9\n\t/:;", "caf\xc3\xa9\n\t/:;");
    assert_shown("", "");
}

Test(html, only_size_bytes_are_written) {
    assert_shown_bytes("<<<", 1, "&lt;");
}
