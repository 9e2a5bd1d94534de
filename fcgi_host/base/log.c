#include "fcgi_host/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log_target.h"
#include "fcgi_host/base/log_text.h"

static const char *const s_level_names[] = {"debug", "info", "warn", "error", "off"};

/** The log of one application. */
struct route {
    char *app;
    struct log_target *target;
    enum log_level least;
};

static struct log_target *_Atomic s_target; /* NULL: standard error, before log_open() */
static _Atomic int s_least = LOG_INFO;      /* of what goes there */
static _Atomic int s_least_of_all = LOG_INFO;
static _Atomic int s_format = LOG_TEXT;
/* Set before there are other threads. */
static struct route *s_routes;
static size_t s_route_count;

enum {
    /** Most lines fit on the stack; a longer one (a traceback) is put on the heap. */
    STACK_TEXT_BYTES = 1024,
    STACK_LINE_BYTES = 2 * STACK_TEXT_BYTES,
    PREFIX_BYTES = 512, /**< without the application's name */
};

int log_level_from_name(const char *name, enum log_level *ret_level) {
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++) {
        if (strcmp(name, s_level_names[level]) == 0) {
            *ret_level = (enum log_level)level;
            return 0;
        }
    }
    return -1;
}

const char *log_level_name(enum log_level level) {
    return s_level_names[level];
}

bool log_enabled(enum log_level level) {
    return (int)level >= s_least_of_all && level != LOG_OFF;
}

int log_fd(void) {
    struct log_target *target = s_target;
    return target ? log_target_fd(target) : STDERR_FILENO;
}

/* ---- Lines as text ---- */

/** Room for everything before the text. */
static size_t prefix_bytes(const struct log_about *about) {
    bool has_app = about && about->app;
    return PREFIX_BYTES + (has_app ? log_text_escaped_bytes(about->app, strlen(about->app)) : 0);
}

/** Write " app=NAME". @return its length */
static size_t format_app(char *to, size_t size, const struct log_about *about) {
    if (!about || !about->app || size <= sizeof " app=") {
        return 0;
    }
    memcpy(to, " app=", sizeof " app=" - 1);
    return sizeof " app=" - 1 +
           log_text_escape_word(to + sizeof " app=" - 1, size - sizeof " app=", about->app,
                                strlen(about->app));
}

/** Everything before the text. @return its length */
static size_t log_line_start(char *prefix, size_t size, enum log_level level, const char *slug,
                             const struct log_about *about) {
    char time_text[LOG_TEXT_TIME_MS_BYTES];
    log_text_time_ms(time_text);

    char generation[40] = "", request[64] = "";
    if (about && about->generation) {
        snprintf(generation, sizeof generation, " gen=%llu", (unsigned long long)about->generation);
    }
    if (about && about->request_id) {
        snprintf(request, sizeof request, " req=%.40s", about->request_id);
    }
    size_t used = (size_t)snprintf(prefix, size, "%s %s %ld", time_text, s_level_names[level],
                                   (long)getpid());
    used += format_app(prefix + used, size - used, about);
    int length = snprintf(prefix + used, size - used, "%s%s [%s] ", generation, request, slug);
    return length < 0 ? used : used + (size_t)length < size ? used + (size_t)length : size - 1;
}

/** One line, as it is to be written. */
struct line {
    enum log_level level;
    const char *slug;
    const struct log_about *about; /**< or NULL */
    const char *text;
};

/** A line as a JSON object, with its newline. */
static void write_json(struct json_writer *json, const struct line *line) {
    const struct log_about *about = line->about;
    char time_text[LOG_TEXT_TIME_MS_BYTES];
    log_text_time_ms(time_text);
    json_begin_object(json, NULL);
    json_add_string(json, "time", time_text);
    json_add_string(json, "level", s_level_names[line->level]);
    json_add_integer(json, "pid", getpid());
    if (about && about->app) {
        json_add_string(json, "app", about->app);
    }
    if (about && about->generation) {
        json_add_integer(json, "generation", (int64_t)about->generation);
    }
    if (about && about->request_id) {
        json_add_string(json, "request_id", about->request_id);
    }
    json_add_string(json, "event", line->slug);
    json_add_string(json, "message", line->text);
    json_end_object(json);
    json_end_line(json);
}

/** The line that stands for lines which nobody read in time; whatever the least level is. */
static size_t report_dropped(char *line, size_t size, uint64_t dropped) {
    size_t used = log_line_start(line, size, LOG_WARN, "log.dropped", NULL);
    int length = snprintf(line + used, size - used, "%llu lines: nobody read them in time\n",
                          (unsigned long long)dropped);
    return used + (size_t)length;
}

/** The same as JSON. */
static size_t report_dropped_as_json(char *line, size_t size, uint64_t dropped) {
    char text[96];
    snprintf(text, sizeof text, "%llu lines: nobody read them in time",
             (unsigned long long)dropped);
    struct json_writer json = {0};
    const struct line about_them = {LOG_WARN, "log.dropped", NULL, text};
    write_json(&json, &about_them);
    size_t used = json.failed || json.bytes > size ? 0 : json.bytes;
    memcpy(line, json.text ? json.text : "", used);
    free(json.text);
    return used;
}

/* ---- Where lines go ---- */

void log_set_format(enum log_format format) {
    s_format = format;
    log_target_set_report(format == LOG_JSON ? report_dropped_as_json : report_dropped);
}

enum log_format log_format(void) {
    return s_format;
}

static const struct route *route_of(const struct log_about *about) {
    for (size_t i = 0; about && about->app && i < s_route_count; i++) {
        if (strcmp(s_routes[i].app, about->app) == 0) {
            return &s_routes[i];
        }
    }
    return NULL;
}

static void note_least_of_all(void) {
    int least = s_least;
    for (size_t i = 0; i < s_route_count; i++) {
        least = (int)s_routes[i].least < least ? (int)s_routes[i].least : least;
    }
    s_least_of_all = least;
}

int log_open(const char *name, enum log_level least, struct error *err) {
    log_set_format(s_format);
    struct log_target *target = log_target_open(name, err);
    if (!target) {
        return -1;
    }
    s_target = target;
    s_least = least;
    note_least_of_all();
    return 0;
}

int log_route(const char *app, const char *name, enum log_level least, struct error *err) {
    struct log_target *target = name ? log_target_open(name, err) : s_target;
    if (!target) {
        return -1;
    }
    struct route *routes = realloc(s_routes, (s_route_count + 1) * sizeof *routes);
    char *copy = strdup(app);
    s_routes = routes ? routes : s_routes;
    if (!routes || !copy) {
        free(copy);
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    routes[s_route_count++] = (struct route){copy, target, least};
    note_least_of_all();
    return 0;
}

void log_routes_clear(void) {
    for (size_t i = 0; i < s_route_count; i++) {
        free(s_routes[i].app);
    }
    free(s_routes);
    s_routes = NULL;
    s_route_count = 0;
    note_least_of_all();
}

/** @param target  NULL: standard error */
static void write_line(struct log_target *target, const char *line, size_t size) {
    if (target) {
        log_target_write(target, line, size);
    } else if (write(STDERR_FILENO, line, size) < 0) {
        return; /* before log_open(): there is nobody else to tell */
    }
}

static void write_text(struct log_target *target, const struct line *line, size_t text_size) {
    char on_stack[STACK_LINE_BYTES];
    size_t prefix = prefix_bytes(line->about),
           size = prefix + log_text_escaped_bytes(line->text, text_size) + 1;
    char *on_heap = size > sizeof on_stack ? malloc(size) : NULL;
    char *bytes = on_heap ? on_heap : on_stack;
    if (!on_heap) {
        size = sizeof on_stack; /* out of memory: the line is cut */
        prefix = prefix < size ? prefix : size - 1;
    }
    size_t used = log_line_start(bytes, prefix, line->level, line->slug, line->about);
    used += log_text_escape(bytes + used, size - used - 1, line->text, text_size);
    bytes[used++] = '\n';
    write_line(target, bytes, used);
    free(on_heap);
}

static void write_as_json(struct log_target *target, const struct line *line) {
    struct json_writer json = {0};
    write_json(&json, line);
    if (!json.failed) {
        write_line(target, json.text, json.bytes);
    }
    free(json.text);
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    if (!log_enabled(level)) {
        return; /* as most lines: no route wants it */
    }
    const struct route *route = route_of(about);
    struct log_target *target = route ? route->target : s_target;
    if ((int)level < (route ? (int)route->least : s_least)) {
        return;
    }
    int saved_errno = errno;
    char on_stack[STACK_TEXT_BYTES];
    char *on_heap = NULL;
    va_list args;
    locale_t before = c_locale_enter();
    va_start(args, format);
    int length = vsnprintf(on_stack, sizeof on_stack, format, args);
    va_end(args);
    if (length >= (int)sizeof on_stack) {
        va_start(args, format);
        if (vasprintf(&on_heap, format, args) < 0) {
            on_heap = NULL;
            length = sizeof on_stack - 1;
        }
        va_end(args);
    }
    c_locale_leave(before);
    const struct line line = {level, slug, about, on_heap ? on_heap : on_stack};
    if (length >= 0 && s_format == LOG_JSON) {
        write_as_json(target, &line);
    } else if (length >= 0) {
        write_text(target, &line, (size_t)length);
    }
    free(on_heap);
    errno = saved_errno;
}
