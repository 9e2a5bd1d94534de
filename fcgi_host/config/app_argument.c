#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgi_host/config/command_line.h"
#include "fcgi_host/config/option_kinds.h"

/** One way to read the argument: where the file name starts and ends. */
struct reading {
    const char *file;
    size_t file_bytes;
};

static bool is_file(const struct reading *reading) {
    struct stat status;
    char *path = strndup(reading->file, reading->file_bytes);
    bool found = path && stat(path, &status) == 0 && S_ISREG(status.st_mode);
    free(path);
    return found;
}

/** "/srv/my blog.wsgi.py" → "my_blog.wsgi": the stem, with what no name may contain replaced. */
static char *name_from_file(const char *file) {
    const char *slash = strrchr(file, '/');
    char *name = strdup(slash ? slash + 1 : file);
    if (name) {
        char *dot = strrchr(name, '.');
        if (dot && dot != name) {
            *dot = '\0';
        }
        for (char *c = name; *c; c++) {
            *c = option_is_name(c, 1) ? *c : '_';
        }
    }
    return name;
}

static struct reading choose_reading(const char *text) {
    size_t size = strlen(text);
    const char *equals = strchr(text, '=');
    const char *colon = strrchr(text, ':');
    bool has_name = equals && option_is_name(text, (size_t)(equals - text));
    bool has_callable = colon && option_is_identifier(colon + 1, strlen(colon + 1)) &&
                        (!has_name || colon > equals);
    const char *start = has_name ? equals + 1 : text;
    const char *end = has_callable ? colon : text + size;
    const struct reading readings[] = {
        {text, size},
        {start, (size_t)(text + size - start)},
        {text, (size_t)(end - text)},
        {start, (size_t)(end - start)},
    };
    enum { READINGS = sizeof readings / sizeof *readings };
    for (size_t i = 0; i < READINGS; i++) {
        if (is_file(&readings[i])) {
            return readings[i];
        }
    }
    return readings[READINGS - 1];
}

int app_argument_parse(const char *text, struct app_argument *ret_argument, struct error *err) {
    struct reading reading = choose_reading(text);
    const char *end = reading.file + reading.file_bytes;
    struct app_argument argument = {0};
    if (reading.file_bytes == 0) {
        return error_set(err, ERR_USAGE, "APP \"%s\": a file name is missing", text);
    }
    argument.file = strndup(reading.file, reading.file_bytes);
    argument.name = reading.file != text ? strndup(text, (size_t)(reading.file - text) - 1)
                    : argument.file      ? name_from_file(argument.file)
                                         : NULL;
    argument.callable = *end ? strdup(end + 1) : NULL;
    if (!argument.file || !argument.name || (*end && !argument.callable)) {
        app_argument_clear(&argument);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    *ret_argument = argument;
    return 0;
}

void app_argument_clear(struct app_argument *argument) {
    free(argument->name);
    free(argument->file);
    free(argument->callable);
    *argument = (struct app_argument){0};
}
