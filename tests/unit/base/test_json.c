#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json.h"

static void assert_written(const char *text, const char *want) {
    struct json_writer json = {0};
    json_add_string(&json, NULL, text);
    cr_assert_not(json.failed);
    cr_assert_str_eq(json.text, want);
    free(json.text);
}

/* Expected values: RFC 8259 §7. */
Test(json, strings_are_escaped) {
    assert_written("", "\"\"");
    assert_written("a/b c", "\"a/b c\"");
    assert_written("\"\\", "\"\\\"\\\\\"");
    assert_written("\n\t\x01\x1f\x7f", "\"\\n\\t\\u0001\\u001f\\u007f\"");
    assert_written("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d", "\"caf\xc3\xa9 \xe2\x82\xac "
                                                                "\xf0\x9f\x90\x8d\"");
}

Test(json, bytes_that_are_not_utf_8_become_the_replacement_character) {
    assert_written("\xff", "\"\\ufffd\"");
    assert_written("a\xc3", "\"a\\ufffd\"");
    assert_written("\xc0\xaf", "\"\\ufffd\\ufffd\"");            /* overlong */
    assert_written("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""); /* a surrogate */
}

Test(json, values_are_separated_where_they_must_be) {
    struct json_writer json = {0};
    json_begin_object(&json, NULL);
    json_begin_array(&json, "list");
    json_add_integer(&json, NULL, -1);
    json_begin_object(&json, NULL);
    json_end_object(&json);
    json_add_null(&json, NULL);
    json_end_array(&json);
    json_add_number(&json, "n", 1.5);
    json_add_raw(&json, "raw", "[1]", 3);
    json_begin_array(&json, "empty");
    json_end_array(&json);
    json_end_object(&json);
    cr_assert_str_eq(json.text, "{\"list\":[-1,{},null],\"n\":1.500,\"raw\":[1],\"empty\":[]}");
    free(json.text);
}

Test(json, times_are_utc) {
    char text[32];
    json_time(1763992381, text, sizeof text);
    cr_assert_str_eq(text, "2025-11-24T13:53:01Z");
}
