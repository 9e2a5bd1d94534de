#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/load_internal.h"

enum {
    /** Longest line, where libinih can be told (Debian's can; else its own limit of 200 holds). */
    CONFIG_LINE_BYTES = 8192,
};

/** The file while libinih reads it.  It counts lines, because libinih does not tell them. */
struct reader {
    FILE *stream;
    const char *path;
    struct config_builder *builder;
    struct config_place place;
    bool in_section;
    struct error *err;
    unsigned error_line; /**< 0: no error so far */
};

static char *skip_blank(char *text) {
    return text + strspn(text, " \t\r\n\v\f");
}

/** Note an error in the current line, the first only. */
static void fail(struct reader *reader) {
    if (!reader->error_line) {
        reader->error_line = reader->place.line;
        error_prefix(reader->err, "%s:%u", reader->path, reader->place.line);
    }
}

static void fail_syntax(struct reader *reader, const char *what) {
    if (!reader->error_line) {
        error_set(reader->err, ERR_USAGE, "%s", what);
        fail(reader);
    }
}

typedef int add_section_function(struct config_builder *builder, const char *name, unsigned line,
                                 struct error *err);

/** A section of a kind that may stand there more than once.
 *  @param count  of this kind, which `add` counts */
static void begin_named(struct reader *reader, enum option_section section, const char *name,
                        add_section_function *add, const size_t *count) {
    reader->place.section = section;
    if (add(reader->builder, name, reader->place.line, reader->err) != 0) {
        fail(reader);
    }
    reader->place.index = *count - 1;
}

/** @return NAME of "KIND NAME"; NULL: the section is of another kind */
static const char *name_after(char *section, const char *kind) {
    size_t size = strlen(kind);
    bool is_kind = strncmp(section, kind, size) == 0 && strchr(" \t", section[size]);
    return is_kind ? skip_blank(section + size) : NULL;
}

/** [fcgi_host] or [scripts], which may stand there once. */
static void begin_single(struct reader *reader, enum option_section section,
                         struct section_origin *origin) {
    if (origin->line) {
        error_set(reader->err, ERR_USAGE, "this section is there already, in line %u",
                  origin->line);
        fail(reader);
    }
    origin->line = reader->place.line;
    reader->place.section = section;
}

/** A line that begins with "[". */
static void begin_section(struct reader *reader, char *line) {
    char *end = strchr(line, ']');
    if (!end) {
        fail_syntax(reader, "\"]\" is missing");
        return;
    }
    const char *rest = skip_blank(end + 1);
    if (*rest && *rest != ';' && *rest != '#') {
        fail_syntax(reader, "only a comment can follow the name of a section");
        return;
    }
    *end = '\0';
    const struct config *config = reader->builder->config;
    char *name = skip_blank(line + 1);
    const char *own;
    for (char *last = end; last > name && strchr(" \t", last[-1]); *--last = '\0') {
    }
    reader->in_section = true;
    if (strcmp(name, "fcgi_host") == 0) {
        begin_single(reader, SECTION_HOST, &reader->builder->host);
    } else if (strcmp(name, "scripts") == 0) {
        reader->builder->has_scripts = true;
        begin_single(reader, SECTION_SCRIPTS, &reader->builder->scripts);
    } else if ((own = name_after(name, "app"))) {
        begin_named(reader, SECTION_APP, own, config_builder_add_app, &config->app_count);
    } else if ((own = name_after(name, "process"))) {
        begin_named(reader, SECTION_PROCESS, own, config_builder_add_process,
                    &config->process_count);
    } else if ((own = name_after(name, "task"))) {
        begin_named(reader, SECTION_TASK, own, config_builder_add_task, &config->task_count);
    } else {
        error_set(reader->err, ERR_USAGE,
                  "unknown section [%s]: there are [fcgi_host], [process NAME], [app NAME], "
                  "[task NAME] and [scripts]",
                  name);
        fail(reader);
    }
}

/**
 * libinih's fgets: the next line, without its leading blanks (which would make libinih append it
 * to the value before: indented keys are common, continued values are not).  Sections are dealt
 * with here, because libinih does not report one without keys.
 */
static char *next_line(char *buffer, int size, void *ctx) {
    struct reader *reader = ctx;
    if (reader->error_line || !fgets(buffer, size, reader->stream)) {
        return NULL;
    }
    reader->place.line++;
    size_t length = strlen(buffer);
    if (length == 0 || (buffer[length - 1] != '\n' && !feof(reader->stream))) {
        fail_syntax(reader, length + 1 == (size_t)size ? "line too long" : "line with a NUL byte");
        return NULL;
    }
    char *start = buffer;
    if (reader->place.line == 1 && strncmp(start, "\xEF\xBB\xBF", 3) == 0) {
        start += 3; /* a byte order mark, left by an editor */
    }
    start = skip_blank(start);
    memmove(buffer, start, strlen(start) + 1);
    if (*buffer == '[') {
        char copy[CONFIG_LINE_BYTES];
        snprintf(copy, sizeof copy, "%s", buffer);
        begin_section(reader, copy);
    }
    return buffer;
}

/** libinih's handler. @return 0 on error, as libinih expects */
static int key_value(void *ctx, const char *section, const char *key, const char *value) {
    struct reader *reader = ctx;
    (void)section; /* cut at 50 bytes; ours is not */
    if (reader->error_line) {
        return 0;
    }
    if (!reader->in_section) {
        fail_syntax(reader, "a key before the first section, such as [fcgi_host]");
        return 0;
    }
    if (config_builder_set(reader->builder, &reader->place, key, value, reader->err) != 0) {
        fail(reader);
        return 0;
    }
    return 1;
}

static void raise_line_limit(void) {
#ifdef FCGI_HOST_INIH_HAS_SETTINGS
    ini_use_stack = true;
    ini_max_line = CONFIG_LINE_BYTES;
#endif
}

int config_file_read(struct config_builder *builder, const char *path, struct error *err) {
    struct reader reader = {.path = path, .builder = builder, .err = err};
    char *directory = strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
    int rc = -1;
    reader.place.directory = directory;
    reader.stream = fopen(path, "re");
    if (!directory) {
        error_set(err, ERR_MEMORY, "out of memory");
    } else if (!reader.stream) {
        option_path_error(path, err);
    } else {
        raise_line_limit();
        int wrong_line = ini_parse_stream(next_line, &reader, key_value, &reader);
        if (!reader.error_line && ferror(reader.stream)) {
            option_path_error(path, err);
        } else if (!reader.error_line && wrong_line != 0) {
            error_set(err, wrong_line > 0 ? ERR_USAGE : ERR_MEMORY,
                      "%s:%d: neither \"key = value\" nor \"[section]\"", path, wrong_line);
        } else {
            rc = reader.error_line ? -1 : 0;
        }
    }
    if (reader.stream) {
        fclose(reader.stream);
    }
    free(directory);
    return rc;
}
