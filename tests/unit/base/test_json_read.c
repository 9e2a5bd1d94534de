#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/base/json_read.h"

static json_t *parse(const char *text) {
    return json_parse(text, strlen(text), NULL);
}

Test(json_read, documents_are_read) {
    json_t *json = parse(" {\"a\" : [1, -2.5e1, \"x\"], \"b\":{\"c\":true, \"d\":null}} ");
    cr_assert_not_null(json);
    const json_t *list = json_object_get(json, "a");
    cr_assert_eq(json_array_size(list), 3);
    cr_assert_eq(json_number_value(json_array_get(list, 0)), 1);
    cr_assert_eq(json_number_value(json_array_get(list, 1)), -25);
    cr_assert_str_eq(json_string_value(json_array_get(list, 2)), "x");
    cr_assert(json_is_true(json_object_get(json_object_get(json, "b"), "c")));
    cr_assert(json_is_null(json_object_get(json_object_get(json, "b"), "d")));
    cr_assert_null(json_object_get(json, "e"));
    json_decref(json);
}

Test(json_read, what_is_absent_or_of_another_type_is_empty) {
    json_t *json = parse("{\"a\":1,\"b\":\"x\"}");
    cr_assert_eq(json_get_number(json, "a"), 1);
    cr_assert_eq(json_get_number(json, "b"), 0);
    cr_assert_str_eq(json_get_string(json, "b"), "x");
    cr_assert_str_eq(json_get_string(json, "a"), "");
    cr_assert_str_eq(json_get_string(NULL, "a"), "");
    cr_assert_eq(json_get_number(json_object_get(json, "no"), "thing"), 0);
    json_decref(json);
}

Test(json_read, escapes_are_read) {
    json_t *json = parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\udc0d\"");
    cr_assert_not_null(json);
    cr_assert_str_eq(json_string_value(json),
                     "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8d");
    json_decref(json);
}

Test(json_read, what_was_written_is_read_back) {
    const char text[] = "caf\xc3\xa9 \"quoted\" \\ \n\t\x01 \xf0\x9f\x90\x8d";
    struct json_writer writer = {0};
    json_begin_object(&writer, NULL);
    json_add_string(&writer, text, text);
    json_end_object(&writer);
    json_t *json = json_parse(writer.text, writer.bytes, NULL);
    cr_assert_str_eq(json_get_string(json, text), text);
    json_decref(json);
    free(writer.text);
}

Test(json_read, what_is_no_json_is_refused) {
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

/* What a hostile process may send. */

Test(json_read, a_nul_is_refused_wherever_it_stands) {
    static const struct {
        const char *text;
        size_t bytes;
    } s_bad[] = {
        {"\"\\u12\0", 6},        {"\"\\u12\0\0\"", 8}, {"\"a\0b\"", 5},
        {"\"\\u0000\"", 8},      {"[1]\0", 4},         {"\0", 1},
        {"{\"\\u0000\":1}", 12},
    };
    for (size_t i = 0; i < sizeof s_bad / sizeof s_bad[0]; i++) {
        /* From memory that ends where the document ends: a sanitizer sees every byte too many. */
        char *exact = malloc(s_bad[i].bytes);
        struct error err = {0};
        memcpy(exact, s_bad[i].text, s_bad[i].bytes);
        cr_assert_null(json_parse(exact, s_bad[i].bytes, &err), "%zu", i);
        cr_assert_eq(err.code, ERR_PROTOCOL, "%zu", i);
        free(exact);
    }
}

Test(json_read, every_document_that_is_cut_short_is_refused) {
    static const char s_text[] = "{\"a\":[1,-2.5e1,\"\\u00e9\\ud83d\\udc0d\"],\"b\":{\"c\":null}}";
    for (size_t size = 0; size < sizeof s_text - 1; size++) {
        char *exact = malloc(size + 1);
        memcpy(exact, s_text, size);
        cr_assert_null(json_parse(exact, size, NULL), "%zu", size);
        free(exact);
    }
}

Test(json_read, nesting_has_a_limit) {
    enum { DEPTH = 1000000 };
    char *text = malloc(2 * DEPTH);
    struct error err = {0};
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    cr_assert_null(json_parse(text, 2 * DEPTH, &err));
    cr_assert_eq(err.code, ERR_PROTOCOL);
    free(text);
}

Test(json_read, a_string_may_be_ten_megabytes_long) {
    enum { LENGTH = 10 << 20 };
    char *text = malloc(LENGTH + 2);
    memset(text, 'x', LENGTH + 2);
    text[0] = text[LENGTH + 1] = '"';
    json_t *json = json_parse(text, LENGTH + 2, NULL);
    cr_assert_eq(json_string_length(json), LENGTH);
    json_decref(json);
    cr_assert_null(json_parse(text, LENGTH + 1, NULL));
    free(text);
}

Test(json_read, an_error_quotes_nothing_of_the_document) {
    struct error err = {0};
    cr_assert_null(parse("\x1b[2J"));
    cr_assert_null(json_parse("[\"\x1b[2J\"]", 8, &err));
    cr_assert_null(strchr(err.text, '\x1b'));
    cr_assert_null(json_parse("[evil]", 6, &err));
    cr_assert_null(strstr(err.text, "evil"), "%s", err.text);
}
