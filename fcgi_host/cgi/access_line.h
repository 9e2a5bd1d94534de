/**
 * A line of the access log: one request, when it has ended.
 *
 * As text, it is the combined log format, which programs that count visits read, and behind it
 * NAME=VALUE of what only the host knows:
 *
 *     192.0.2.1 - ann [30/Nov/2026:13:53:01 +0000] "GET /a?b HTTP/1.1" 200 512 "-" "curl/8"
 *     app=shop gen=3 req=4711-8 ms=12.500 queue_ms=0.100 gil_ms=0.020 trace=4bf92f3577b34da6…
 *
 * Short, it is "GET /a?b 200 12.5 ms", and " cut" for a response that has broken off.
 *
 * As JSON, an object whose members have OpenTelemetry's names where it has any.  Nothing that a
 * client sends can look like the end of a field or of a line.
 *
 * Follows: Apache's mod_log_config ("combined"); OpenTelemetry's semantic conventions for HTTP
 * (attributes of a server's span); W3C Trace Context, "traceparent".
 * @thread any; pure but for the time  @tstate any
 */
#ifndef FCGI_HOST_CGI_ACCESS_LINE_H
#define FCGI_HOST_CGI_ACCESS_LINE_H

#include "fcgi_host/fastcgi/request.h"

/** Long enough for every line as text: longer values are cut. */
enum { ACCESS_LINE_BYTES = 12 << 10 };

struct access_line {
    const struct request *request;
    enum request_end end;
    const char *app;   /**< NULL: no application's */
    uint64_t ended_ns; /**< CLOCK_MONOTONIC */
    int64_t now_s;     /**< CLOCK_REALTIME */
};

/** @return the length of the line, with its newline */
size_t access_line_as_text(const struct access_line *access, char line[ACCESS_LINE_BYTES]);

/** @param has_colours  of the status  @return the length of the line, with its newline */
size_t access_line_as_short(const struct access_line *access, bool has_colours,
                            char line[ACCESS_LINE_BYTES]);

/** @return the line, with its newline: free(); NULL: out of memory */
char *access_line_as_json(const struct access_line *access, size_t *ret_size);

#endif
