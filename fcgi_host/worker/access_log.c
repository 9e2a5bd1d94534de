#include "fcgi_host/worker/access_log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_batch.h"
#include "fcgi_host/base/log_target.h"
#include "fcgi_host/base/short_line.h"
#include "fcgi_host/base/system_log.h"
#include "fcgi_host/cgi/access_line.h"

static const char s_name[] = "access_log";

static struct log_target *s_target; /* NULL: syslog, or off */
static struct log_batch *s_batch;   /* NULL: the target takes lines at once, or off */
static enum access_format s_format;
static bool s_has_colours; /* of ACCESS_FORMAT_SHORT */

/* ---- Writing ---- */

static void write_to_target(void *ctx, const char *lines, size_t size) {
    log_target_write(ctx, lines, size);
}

static void write_to_syslog(void *ctx, const char *lines, size_t size) {
    (void)ctx;
    system_log_write(lines, size);
}

static void put(const char *line, size_t size) {
    if (s_batch) {
        log_batch_add(s_batch, line, size);
    } else {
        log_target_write(s_target, line, size);
    }
}

/* ---- What is written ---- */

void access_log_note(const struct request *request, enum request_end end, uint64_t ended_ns) {
    if ((!s_target && !s_batch) || request->account.is_probe) {
        return;
    }
    const struct application *application = request->application;
    const struct access_line access = {
        .request = request,
        .end = end,
        .app = application ? application->config->name : NULL,
        .ended_ns = ended_ns,
        .now_s = time(NULL),
    };
    if (log_format() == LOG_JSON) {
        size_t size = 0;
        char *line = access_line_as_json(&access, &size);
        if (line) {
            put(line, size);
        }
        free(line);
    } else {
        char line[ACCESS_LINE_BYTES];
        put(line, s_format == ACCESS_FORMAT_SHORT
                      ? access_line_as_short(&access, s_has_colours, line)
                      : access_line_as_text(&access, line));
    }
}

int access_log_start(const struct config *config, struct error *err) {
    if (strcmp(config->access_log, CONFIG_ACCESS_LOG_OFF) == 0) {
        return 0;
    }
    bool is_syslog = strcmp(config->access_log, CONFIG_ACCESS_LOG_SYSLOG) == 0;
    s_target = is_syslog ? NULL : log_target_open(config->access_log, err);
    if (!is_syslog && !s_target) {
        return -1;
    }
    s_format = config->access_format;
    s_has_colours = s_target && short_line_has_colours(log_target_fd(s_target));
    if (is_syslog) {
        system_log_open();
    }
    if (is_syslog || !log_target_is_stream(s_target)) {
        s_batch =
            log_batch_start(s_name, is_syslog ? write_to_syslog : write_to_target, s_target, err);
        if (!s_batch) {
            return -1;
        }
    }
    return 0;
}

void access_log_flush(void) {
    if (s_batch) {
        log_batch_flush(s_batch);
    }
}
