/** A log that is kept, for the tests of the WSGI side. */
#ifndef TESTS_UNIT_WSGI_FAKE_LOG_H
#define TESTS_UNIT_WSGI_FAKE_LOG_H

#include "fcgi_host/base/log.h"

struct fake_line {
    enum log_level level;
    char *slug, *app, *request_id, *text;
    uint64_t generation;
};

enum { FAKE_LINES = 4096 };
struct fake_log {
    struct fake_line lines[FAKE_LINES];
    size_t count;
};

/** The lines since the last call, which other threads may be adding to. @owns the caller */
struct fake_log *fake_log_take(void);
void fake_log_free(struct fake_log *log);

#endif
