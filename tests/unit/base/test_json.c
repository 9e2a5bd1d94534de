#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json.h"

static void assert_written(const char *text, const char *want) {
    struct json_writer json = {0};
    json_string(&json, NULL, text);
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
    json_integer(&json, NULL, -1);
    json_begin_object(&json, NULL);
    json_end_object(&json);
    json_null(&json, NULL);
    json_end_array(&json);
    json_number(&json, "n", 1.5);
    json_raw(&json, "raw", "[1]", 3);
    json_begin_array(&json, "empty");
    json_end_array(&json);
    json_end_object(&json);
    cr_assert_str_eq(json.text, "{\"list\":[-1,{},null],\"n\":1.500,\"raw\":[1],\"empty\":[]}");
    free(json.text);
}

static struct json *parse(const char *text) {
    return json_parse(text, strlen(text), NULL);
}

Test(json, documents_are_read) {
    struct json *json = parse(" {\"a\" : [1, -2.5e1, \"x\"], \"b\":{\"c\":true, \"d\":null}} ");
    cr_assert_not_null(json);
    const struct json *list = json_get(json, "a");
    cr_assert_eq(list->type, JSON_ARRAY);
    cr_assert_eq(list->child->number, 1);
    cr_assert_eq(list->child->next->number, -25);
    cr_assert_str_eq(list->child->next->next->string, "x");
    cr_assert_eq(json_get(json_get(json, "b"), "c")->type, JSON_TRUE);
    cr_assert_eq(json_get(json_get(json, "b"), "d")->type, JSON_NULL);
    cr_assert_null(json_get(json, "e"));
    json_free(json);
}

Test(json, what_is_absent_or_of_another_type_is_the_default) {
    struct json *json = parse("{\"a\":1,\"b\":\"x\"}");
    cr_assert_eq(json_get_number(json, "b", 7), 7);
    cr_assert_str_eq(json_get_string(json, "a", "?"), "?");
    cr_assert_str_eq(json_get_string(NULL, "a", "?"), "?");
    cr_assert_eq(json_get_number(json_get(json, "no"), "thing", 3), 3);
    json_free(json);
}

Test(json, escapes_are_read) {
    struct json *json = parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\udc0d\"");
    cr_assert_not_null(json);
    cr_assert_str_eq(json->string, "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d");
    json_free(json);
}

Test(json, what_was_written_is_read_back) {
    const char text[] = "caf\xc3\xa9 \"quoted\" \\ \n\t\x01 \xf0\x9f\x90\x8d";
    struct json_writer writer = {0};
    json_begin_object(&writer, NULL);
    json_string(&writer, text, text);
    json_end_object(&writer);
    struct json *json = json_parse(writer.text, writer.bytes, NULL);
    cr_assert_str_eq(json_get_string(json, text, ""), text);
    json_free(json);
    free(writer.text);
}

Test(json, what_is_no_json_is_refused) {
    static const char *const s_bad[] = {
        "",     " ",     "{",          "}",    "[1,]",    "[1",        "{\"a\"}",     "{a:1}",
        "nul",  "truex", "1 2",        "\"",   "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\u0000\"",
        "\"\\", "--1",   "{\"a\":1,}", "[,1]",
    };
    for (size_t i = 0; i < sizeof s_bad / sizeof s_bad[0]; i++) {
        struct error err = {0};
        cr_assert_null(json_parse(s_bad[i], strlen(s_bad[i]), &err), "%s", s_bad[i]);
        cr_assert_eq(err.code, ERR_PROTOCOL, "%s", s_bad[i]);
    }
}

Test(json, nesting_has_a_limit) {
    char text[2000];
    memset(text, '[', 1000);
    memset(text + 1000, ']', 1000);
    cr_assert_null(json_parse(text, sizeof text, NULL));
}
