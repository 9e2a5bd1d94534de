#include "fcgi_host/config/option_kinds_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- Lists: the field is a struct string_list ---- */

static int list_add(struct string_list *list, char *text, struct error *err) {
    return string_list_add(list, text) == 0 ? 0 : error_set(err, ERR_MEMORY, "out of memory");
}

static void print_list(const struct string_list *list, const struct config_option *option,
                       const char *separator, FILE *out) {
    if (list->count > 0) {
        fprintf(out, "%s = ", option->key);
        for (size_t i = 0; i < list->count; i++) {
            fprintf(out, "%s%s", i > 0 ? separator : "", list->items[i]);
        }
        fputc('\n', out);
    }
}

static void clear_list(void *field) {
    string_list_clear(field);
}

SET(words) {
    (void)option, (void)place;
    static const char s_blank[] = " \t";
    for (text += strspn(text, s_blank); *text; text += strspn(text, s_blank)) {
        size_t size = strcspn(text, s_blank);
        if (list_add(field, strndup(text, size), err) != 0) {
            return -1;
        }
        text += size;
    }
    return 0;
}

static void print_words(const void *field, const struct config_option *option, FILE *out) {
    print_list(field, option, " ", out);
}

const struct option_kind option_kind_words = {
    .set = set_words, .print = print_words, .clear = clear_list, .is_list = true};

SET(paths) {
    (void)option;
    while (*text) {
        size_t size = strcspn(text, ":");
        char *one = strndup(text, size);
        if (!one) {
            return error_set(err, ERR_MEMORY, "out of memory");
        }
        /* An empty piece, as in PATH, would mean the working directory, which is never intended. */
        int rc = size > 0 ? list_add(field, option_absolute_path(place->directory, one), err) : 0;
        free(one);
        if (rc != 0) {
            return -1;
        }
        text += size + (text[size] == ':');
    }
    return 0;
}

static void print_paths(const void *field, const struct config_option *option, FILE *out) {
    print_list(field, option, ":", out);
}

const struct option_kind option_kind_paths = {
    .set = set_paths, .print = print_paths, .clear = clear_list, .is_list = true};
