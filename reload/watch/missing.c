#include "reload/watch/missing.h"

#include <string.h>

/* ---- Names in an error's text ---- */

static void add_name(struct missing *missing, const char *name, size_t size) {
    if (size > 0 && size < MISSING_NAME_BYTES && missing->count < MISSING_NAMES_MAX) {
        char *copy = missing->names[missing->count++];
        memcpy(copy, name, size);
        copy[size] = '\0';
    }
}

/** The parts of "package.module"; the last of "/folder/file". */
static void add_parts(struct missing *missing, const char *text, size_t size, char separator) {
    const char *end = text + size, *part = text;
    while (part < end) {
        const char *stop = memchr(part, separator, (size_t)(end - part));
        stop = stop ? stop : end;
        if (separator == '.' || stop == end) {
            add_name(missing, part, (size_t)(stop - part));
        }
        part = stop + 1;
    }
}

void missing_find(struct missing *missing, const char *error_text) {
    static const struct {
        const char *text; /* and then the name in quotes */
        char separator;
    } s_says[] = {
        {"No module named ", '.'},
        {"cannot import name ", '.'},
        {"No such file or directory: ", '/'},
    };
    missing->count = 0;
    for (size_t i = 0; i < sizeof s_says / sizeof *s_says; i++) {
        const char *at = error_text;
        while ((at = strstr(at, s_says[i].text))) {
            at += strlen(s_says[i].text);
            const char quote = *at;
            const char *end = quote == '\'' || quote == '"' ? strchr(at + 1, quote) : NULL;
            if (end) {
                add_parts(missing, at + 1, (size_t)(end - at - 1), s_says[i].separator);
            }
        }
    }
}

/* ---- Names of files ---- */

static bool ends_with(const char *text, const char *end) {
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/** Whether `name` with this rest is a module's file (foo.py, foo.abi3.so), or all of the name. */
static bool is_module_rest(const char *rest) {
    return *rest == '\0' || strcmp(rest, ".py") == 0 || strcmp(rest, ".pyc") == 0 ||
           (*rest == '.' && ends_with(rest, ".so"));
}

static bool is_named(const char *name, const char *stem) {
    size_t size = strlen(stem);
    return strncmp(name, stem, size) == 0 && is_module_rest(name + size);
}

/** The folder that holds `file`, a pointer into `path`: "…/NAME/file". */
static bool is_in_folder(const char *path, const char *file, const char *name) {
    size_t size = strlen(name);
    return (size_t)(file - path) > size + 1 && file[-1] == '/' &&
           strncmp(file - 1 - size, name, size) == 0 && file[-2 - (ptrdiff_t)size] == '/';
}

bool missing_may_be(const struct missing *missing, const char *path) {
    const char *slash = strrchr(path, '/');
    const char *file = slash ? slash + 1 : path;
    if (missing->count == 0) {
        return ends_with(file, ".py");
    }
    for (size_t i = 0; i < missing->count; i++) {
        const char *name = missing->names[i];
        if (is_named(file, name) ||
            (is_named(file, "__init__") && is_in_folder(path, file, name))) {
            return true;
        }
    }
    return false;
}
