/** The status in a terminal. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/status/table.h"
#include "tests/unit/status/document.h"

static void assert_table(json_t *json, const char *want) {
    char *table = status_table(json);
    cr_assert_str_eq(table, want);
    free(table);
    json_decref(json);
}

Test(table, a_document_is_shown_as_it_always_was) {
    char *want = document_file("document.table");
    assert_table(document(), want);
    free(want);
}

Test(table, a_document_of_another_shape_is_an_empty_table) {
    static const char s_empty[] = "fcgi_host   Python   process 0  up 0 s\n";
    static const char *const s_texts[] = {
        "{}",
        "[]",
        "1",
        "null",
        "{\"workers\":1,\"last_replacement\":[]}",
        "{\"workers\":{\"apps\":[]}}",
    };
    for (size_t i = 0; i < sizeof s_texts / sizeof s_texts[0]; i++) {
        assert_table(document_of(s_texts[i]), s_empty);
    }
}

Test(table, no_text_of_the_document_is_an_escape_sequence) {
    static const char s_keys[][16] = {"version", "python"};
    for (size_t i = 0; i < sizeof s_keys / sizeof s_keys[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"%s\":\"\\u001b[2J\"}", s_keys[i]);
        json_t *json = document_of(text);
        char *table = status_table(json);
        cr_assert_null(strchr(table, '\x1b'), "%s", s_keys[i]);
        cr_assert_not_null(strstr(table, "\\x1b[2J"), "%s", table);
        free(table);
        json_decref(json);
    }
}
