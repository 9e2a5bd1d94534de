#include "reload/watch/path_filter.h"

#include <dirent.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reload/watch/path_set.h"

struct path_filter {
    struct string_list watch, ignore; /* owned */
};

/* ---- Matching ---- */

static const char *component_end(const char *path) {
    return path + strcspn(path, "/");
}

static const char *next_component(const char *path) {
    const char *end = component_end(path);
    return end + strspn(end, "/");
}

static bool component_matches(const char *pattern, const char *path) {
    char one_pattern[NAME_MAX + 1], one_path[NAME_MAX + 1];
    size_t pattern_size = (size_t)(component_end(pattern) - pattern);
    size_t path_size = (size_t)(component_end(path) - path);
    if (pattern_size > NAME_MAX || path_size > NAME_MAX) {
        return false;
    }
    memcpy(one_pattern, pattern, pattern_size);
    memcpy(one_path, path, path_size);
    one_pattern[pattern_size] = one_path[path_size] = '\0';
    return fnmatch(one_pattern, one_path, 0) == 0;
}

static bool is_double_star(const char *pattern) {
    return component_end(pattern) - pattern == 2 && pattern[0] == '*' && pattern[1] == '*';
}

bool path_matches(const char *pattern, const char *path) {
    /* The last `**` may be given back one component at a time; earlier ones need not be
     * (what they match before the next fixed component can only move right). */
    const char *star_pattern = NULL, *star_path = NULL;
    pattern += strspn(pattern, "/");
    path += strspn(path, "/");
    while (*path) {
        if (*pattern && is_double_star(pattern)) {
            star_pattern = pattern = next_component(pattern);
            star_path = path;
        } else if (*pattern && component_matches(pattern, path)) {
            pattern = next_component(pattern);
            path = next_component(path);
        } else if (star_pattern) {
            pattern = star_pattern;
            path = star_path = next_component(star_path);
        } else {
            return false;
        }
    }
    while (*pattern && is_double_star(pattern)) {
        pattern = next_component(pattern);
    }
    return *pattern == '\0';
}

/* ---- The filter ---- */

/*
 * `**` at its head makes an `ignore` pattern match anywhere, a `watch` pattern below the base.
 * @return 0, or -1 out of memory
 */
static int copy_absolute(struct string_list *list, const char *base,
                         const struct string_list *patterns, bool is_star_anywhere) {
    for (size_t i = 0; i < patterns->count; i++) {
        const char *pattern = patterns->items[i];
        char *absolute;
        bool is_whole = pattern[0] == '/' || (is_star_anywhere && strncmp(pattern, "**", 2) == 0);
        if (asprintf(&absolute, "%s%s%s", is_whole ? "" : base, is_whole ? "" : "/", pattern) < 0 ||
            string_list_add(list, absolute) != 0) {
            return -1;
        }
    }
    return 0;
}

struct path_filter *path_filter_new(const char *base, const struct string_list *watch,
                                    const struct string_list *ignore, struct error *err) {
    struct path_filter *filter = calloc(1, sizeof *filter);
    if (!filter || copy_absolute(&filter->watch, base, watch, false) != 0 ||
        copy_absolute(&filter->ignore, base, ignore, true) != 0) {
        error_set(err, ERR_MEMORY, "out of memory");
        path_filter_free(filter);
        return NULL;
    }
    return filter;
}

void path_filter_free(struct path_filter *filter) {
    if (filter) {
        string_list_clear(&filter->watch);
        string_list_clear(&filter->ignore);
        free(filter);
    }
}

bool path_filter_ignores(const struct path_filter *filter, const char *path) {
    for (size_t i = 0; i < filter->ignore.count; i++) {
        if (path_matches(filter->ignore.items[i], path)) {
            return true;
        }
    }
    return false;
}

bool path_filter_watches(const struct path_filter *filter, const char *path) {
    for (size_t i = 0; i < filter->watch.count; i++) {
        if (path_matches(filter->watch.items[i], path)) {
            return !path_filter_ignores(filter, path);
        }
    }
    return false;
}

/* ---- Walking ---- */

struct walk {
    const struct path_filter *filter;
    const char *pattern;
    void (*visit)(void *ctx, const char *path, bool is_directory);
    void *ctx;
};

/* How many levels below its fixed part a pattern reaches. */
static int pattern_depth(const char *pattern) {
    int depth = 0;
    for (pattern += strspn(pattern, "/"); *pattern; pattern = next_component(pattern)) {
        if (is_double_star(pattern)) {
            return PATH_FILTER_DEPTH;
        }
        depth++;
    }
    return depth;
}

/* The directory before the first component that holds a wildcard (or the last component). */
static void fixed_part(const char *pattern, char *ret_directory, size_t size) {
    size_t wild = strcspn(pattern, "*?[\\");
    while (wild > 0 && pattern[wild - 1] != '/') {
        wild--;
    }
    if (pattern[wild + strcspn(pattern + wild, "*?[\\")] == '\0') { /* no wildcard at all */
        wild = (size_t)(strrchr(pattern, '/') - pattern) + 1;
    }
    snprintf(ret_directory, size, "%.*s", wild > 1 ? (int)wild - 1 : 1, pattern);
}

static void walk_directory(const struct walk *walk, const char *directory, int levels);

/** `levels` are left below the directory that the entry is in. */
static void walk_entry(const struct walk *walk, const char *path, unsigned char type, int levels) {
    struct stat info;
    if (type == DT_UNKNOWN || type == DT_LNK) {
        if (stat(path, &info) != 0) {
            return;
        }
        type = S_ISDIR(info.st_mode) ? DT_DIR : DT_REG;
    }
    if (type == DT_DIR) {
        if (levels > 1 && !path_filter_ignores(walk->filter, path)) {
            walk_directory(walk, path, levels - 1);
        }
    } else if (path_matches(walk->pattern, path) && !path_filter_ignores(walk->filter, path)) {
        walk->visit(walk->ctx, path, false);
    }
}

static void walk_directory(const struct walk *walk, const char *directory, int levels) {
    DIR *stream = opendir(directory);
    walk->visit(walk->ctx, directory, true); /* before it is read: what comes later is an event */
    if (!stream) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream));) {
        char path[PATH_MAX];
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            snprintf(path, sizeof path, "%s/%s", strcmp(directory, "/") ? directory : "",
                     entry->d_name) < (int)sizeof path) {
            walk_entry(walk, path, entry->d_type, levels);
        }
    }
    closedir(stream);
}

/** The part of one pattern that lies at or below `root`; NULL: all of it. */
static void walk_pattern(const struct walk *walk, const char *root) {
    char path[PATH_MAX], fixed[PATH_MAX];
    fixed_part(walk->pattern, fixed, sizeof fixed);
    int levels = pattern_depth(walk->pattern + (fixed[1] ? strlen(fixed) : 0));
    if (!root || path_is_below(fixed, root)) {
        walk_directory(walk, fixed, levels);
        return;
    }
    if (!path_is_below(root, fixed)) {
        return;
    }
    for (size_t length = fixed[1] ? strlen(fixed) : 0; root[length];) { /* the way to `root` */
        length++;
        length += strcspn(root + length, "/");
        if (!root[length]) {
            break;
        }
        snprintf(path, sizeof path, "%.*s", (int)length, root);
        if (--levels < 1 || path_filter_ignores(walk->filter, path)) {
            return;
        }
    }
    walk_entry(walk, root, DT_UNKNOWN, levels);
}

void path_filter_walk(const struct path_filter *filter, const char *root,
                      void (*visit)(void *ctx, const char *path, bool is_directory), void *ctx) {
    for (size_t i = 0; i < filter->watch.count; i++) {
        const struct walk walk = {filter, filter->watch.items[i], visit, ctx};
        walk_pattern(&walk, root);
    }
}
