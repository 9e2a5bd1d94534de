#include "fcgi_host/wsgi/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fcgi_host/wsgi/exception.h"

void wsgi_log(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    if (!log_enabled(level)) {
        return;
    }
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length >= 0) {
        Py_BEGIN_ALLOW_THREADS log_line(level, slug, about, "%s", text);
        Py_END_ALLOW_THREADS free(text);
    }
}

void wsgi_log_exception(struct wsgi_state *state, enum log_level level, const char *slug,
                        const struct log_about *about, const char *what) {
    struct error err;
    exception_take(state, &err);
    wsgi_log(level, slug, about, "%s: %s", what, err.text);
}
