#include "fcgi_host/config/option_kinds_internal.h"

#include <stdlib.h>
#include <string.h>

#include "pool/base/string_list.h"

/* The field is a struct string_list of "/URL DIR" (config.h).  Both go into configurations of web
 * servers, each of which has its own characters that mean something. */

static const char s_blank[] = " \t";

static bool is_url_character(char c) { /* RFC 3986 §2.3: unreserved */
    return option_is_name(&c, 1) ? (unsigned char)c < 0x80 : c == '~';
}

/** @return 0, or -1: ERR_USAGE */
static int check_url(const char *url, size_t size, struct error *err) {
    if (*url != '/') {
        return error_set(err, ERR_USAGE, "\"%.*s\" does not begin with /", (int)size, url);
    }
    for (size_t at = 0; at < size;) {
        size_t segment = 1;
        while (at + segment < size && is_url_character(url[at + segment])) {
            segment++;
        }
        if (at + segment < size && url[at + segment] != '/') {
            return error_set(err, ERR_USAGE,
                             "\"%.*s\": a URL path of letters, digits, \"-\", \".\", \"_\" and "
                             "\"~\" between the slashes",
                             (int)size, url);
        }
        if (segment == 1 || (segment == 2 && url[at + 1] == '.') ||
            (segment == 3 && url[at + 1] == '.' && url[at + 2] == '.')) {
            return error_set(err, ERR_USAGE,
                             "\"%.*s\" is no folder's URL: it is empty, or has an empty, \".\" or "
                             "\"..\" segment",
                             (int)size, url);
        }
        at += segment;
    }
    return size > 0 ? 0 : error_set(err, ERR_USAGE, "\"/\" is the application's");
}

static int check_folder(const char *folder, struct error *err) {
    for (const char *c = folder; *c; c++) {
        if (strchr("\"\\$", *c) || (unsigned char)*c < 0x20 || *c == 0x7f) {
            return error_set(err, ERR_USAGE,
                             "%s: configurations of web servers cannot name a folder with \", \\, "
                             "$ or a control character",
                             folder);
        }
    }
    return 0;
}

static bool has_url(const struct string_list *list, const char *url, size_t size) {
    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], url, size) == 0 && list->items[i][size] == ' ') {
            return true;
        }
    }
    return false;
}

SET(static_folders) {
    struct string_list *list = field;
    size_t size = strcspn(text, s_blank);
    const char *given = text + size + strspn(text + size, s_blank);
    char *folder = NULL, *item = NULL;
    while (size > 0 && text[size - 1] == '/') {
        size--;
    }
    if (*given == '\0') {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is not a URL path and a folder, such as "
                         "\"/static static\"",
                         text);
    }
    if (check_url(text, size, err) != 0) {
        return -1;
    }
    if (has_url(list, text, size)) {
        return error_set(err, ERR_USAGE, "%.*s is given twice", (int)size, text);
    }
    int rc = option_kind_directory.set(&folder, option, place, given, err);
    if (rc == 0) {
        rc = check_folder(folder, err);
    }
    if (rc == 0 && (asprintf(&item, "%.*s %s", (int)size, text, folder) < 0 ||
                    string_list_add(list, item) != 0)) {
        rc = error_set(err, ERR_MEMORY, "out of memory");
    }
    free(folder);
    return rc;
}

static void print_static_folders(const void *field, const struct config_option *option, FILE *out) {
    const struct string_list *list = field;
    for (size_t i = 0; i < list->count; i++) {
        fprintf(out, "%s = %s\n", option->key, list->items[i]);
    }
}

static void clear_static_folders(void *field) {
    string_list_clear(field);
}

const struct option_kind option_kind_static_folders = {.set = set_static_folders,
                                                       .print = print_static_folders,
                                                       .clear = clear_static_folders,
                                                       .is_list = true};
