#include "tests/unit/status/document.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

char *document_file(const char *name) {
    char path[512], *text = NULL;
    size_t room = 0;
    snprintf(path, sizeof path, "%s/%s", DOCUMENT_FOLDER, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    cr_assert_gt(getdelim(&text, &room, '\0', file), 0);
    fclose(file);
    return text;
}

json_t *document_of(const char *text) {
    struct error err;
    json_t *json = json_parse(text, strlen(text), &err);
    cr_assert_not_null(json, "%s", err.text);
    return json;
}

json_t *document(void) {
    char *text = document_file("document.json");
    json_t *json = document_of(text);
    free(text);
    return json;
}
