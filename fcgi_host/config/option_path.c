#include "fcgi_host/base/log_target.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/config/option_kinds_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int option_path_error(const char *path, struct error *err) {
    error_set_errno(err, errno, "%s", path);
    if (err) {
        err->code = ERR_USAGE;
    }
    return -1;
}

char *option_absolute_path(const char *directory, const char *path) {
    if (*path == '/') {
        directory = "";
    }
    char *whole = NULL;
    if (asprintf(&whole, "%s/%s", directory, path) < 0) {
        return NULL;
    }
    char *end = whole;
    for (const char *segment = whole; *segment;) {
        segment += strspn(segment, "/");
        size_t size = strcspn(segment, "/");
        if (size > 0 && !(size == 1 && *segment == '.')) {
            *end++ = '/';
            memmove(end, segment, size);
            end += size;
        }
        segment += size;
    }
    if (end == whole) {
        *end++ = '/';
    }
    *end = '\0';
    return whole;
}

SET(path) {
    (void)option;
    if (!*text) {
        return error_set(err, ERR_USAGE, "a path is missing");
    }
    return option_give_text(field, option_absolute_path(place->directory, text), err);
}
TEXT_KIND(path);

static bool is_standard_stream(const char *text) {
    return strcmp(text, LOG_TARGET_STDERR) == 0 || strcmp(text, LOG_TARGET_STDOUT) == 0;
}

SET(log_target) {
    return is_standard_stream(text) ? option_give_text(field, strdup(text), err)
                                    : set_path(field, option, place, text, err);
}
TEXT_KIND(log_target);

SET(access_log) {
    bool is_word =
        strcmp(text, CONFIG_ACCESS_LOG_SYSLOG) == 0 || strcmp(text, CONFIG_ACCESS_LOG_OFF) == 0;
    return is_word ? option_give_text(field, strdup(text), err)
                   : set_log_target(field, option, place, text, err);
}
TEXT_KIND(access_log);

/** "./off" is a path. */
SET(path_or_off) {
    return strcmp(text, CONFIG_STATE_OFF) == 0 ? option_give_text(field, strdup(text), err)
                                               : set_path(field, option, place, text, err);
}
TEXT_KIND(path_or_off);

static int check_directory(const char *path, struct error *err) {
    assert(path);
    struct stat status;
    if (stat(path, &status) != 0) {
        return option_path_error(path, err);
    }
    return S_ISDIR(status.st_mode) ? 0 : error_set(err, ERR_USAGE, "%s: not a folder", path);
}

SET(directory) {
    char *path = NULL;
    if (set_path(&path, option, place, text, err) != 0 || check_directory(path, err) != 0) {
        free(path);
        return -1;
    }
    return option_give_text(field, path, err);
}
TEXT_KIND(directory);

/** As `directory`, with symbolic links resolved: what lies below it is told by its name. */
SET(real_directory) {
    char *path = NULL;
    if (set_directory(&path, option, place, text, err) != 0) {
        return -1;
    }
    assert(path);
    char *real = realpath(path, NULL);
    if (!real) {
        option_path_error(path, err);
    }
    free(path);
    return real ? option_give_text(field, real, err) : -1;
}
TEXT_KIND(real_directory);
