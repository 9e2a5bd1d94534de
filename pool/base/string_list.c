#include "pool/base/string_list.h"

#include <stdlib.h>
#include <string.h>

int string_list_add(struct string_list *list, char *text) {
    char **items = text ? reallocarray(list->items, list->count + 1, sizeof *items) : NULL;
    if (!items) {
        free(text);
        return -1;
    }
    items[list->count++] = text;
    list->items = items;
    return 0;
}

void string_list_clear(struct string_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct string_list){0};
}

bool string_list_has(const struct string_list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i], text) == 0) {
            return true;
        }
    }
    return false;
}
