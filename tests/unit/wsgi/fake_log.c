#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tests/unit/wsgi/fake_log.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_log s_log;
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;

struct fake_log *fake_log_take(void) {
    struct fake_log *taken = malloc(sizeof *taken);
    assert(taken);
    pthread_mutex_lock(&s_lock);
    memcpy(taken->lines, s_log.lines, s_log.count * sizeof *s_log.lines);
    taken->count = s_log.count;
    s_log.count = 0;
    pthread_mutex_unlock(&s_lock);
    return taken;
}

void fake_log_free(struct fake_log *log) {
    for (size_t i = 0; i < log->count; i++) {
        free(log->lines[i].slug);
        free(log->lines[i].app);
        free(log->lines[i].request_id);
        free(log->lines[i].text);
    }
    free(log);
}

static char *copy(const char *text) {
    return text ? strdup(text) : NULL;
}

void log_line(enum log_level level, const char *slug, const struct log_about *about,
              const char *format, ...) {
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&s_lock);
    assert(s_log.count < FAKE_LINES);
    struct fake_line *line = &s_log.lines[s_log.count++];
    line->level = level;
    line->slug = copy(slug);
    line->app = copy(about ? about->app : NULL);
    line->request_id = copy(about ? about->request_id : NULL);
    line->generation = about ? about->generation : 0;
    if (vasprintf(&line->text, format, args) < 0) {
        abort();
    }
    pthread_mutex_unlock(&s_lock);
    va_end(args);
}

bool log_enabled(enum log_level level) {
    (void)level;
    return true;
}

int log_fd(void) {
    return 2;
}
