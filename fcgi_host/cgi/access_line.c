#include "fcgi_host/cgi/access_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/base/log_text.h"
#include "fcgi_host/base/short_line.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/base/utf8.h"

enum {
    /** Of one value, escaped: several fit into a line. */
    SHORT_BYTES = 256,
    LONG_BYTES = 4 << 10,
    /** Web servers' own: the client went before the response did (nginx). */
    STATUS_CLIENT_GONE = 499,
    STATUS_OVERLOADED = 503,
};

#define NS_PER_MS 1e6
#define NS_PER_S 1e9

/* ---- What both say ---- */

static struct slice value_of(const struct request *request, const char *name) {
    const struct param *param = request_param(request, name);
    return param ? (struct slice){param->value, param->value_bytes} : (struct slice){"", 0};
}

static unsigned status_of(const struct access_line *access) {
    unsigned status = access->request->account.status;
    return status                              ? status
           : access->end == REQUEST_OVERLOADED ? STATUS_OVERLOADED
                                               : STATUS_CLIENT_GONE;
}

static uint64_t body_bytes(const struct request_account *account) {
    return account->sent_bytes > account->head_bytes ? account->sent_bytes - account->head_bytes
                                                     : 0;
}

/* ---- traceparent ---- */

enum { TRACE_BYTES = 32, SPAN_BYTES = 16, TRACE_AT = 3, SPAN_AT = 36, PARENT_BYTES = 55 };

static bool is_hex(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!memchr("0123456789abcdef", text[i], 16)) {
            return false;
        }
    }
    return true;
}

/** "00-TRACE-SPAN-01". @return its text, or NULL: there is none that is right */
static const char *trace_parent(const struct request *request) {
    struct slice parent = value_of(request, "HTTP_TRACEPARENT");
    bool is_right = parent.size >= PARENT_BYTES && is_hex(parent.bytes, 2) &&
                    parent.bytes[TRACE_AT - 1] == '-' &&
                    is_hex(parent.bytes + TRACE_AT, TRACE_BYTES) &&
                    parent.bytes[SPAN_AT - 1] == '-' && is_hex(parent.bytes + SPAN_AT, SPAN_BYTES);
    return is_right ? parent.bytes : NULL;
}

/* ---- As text ---- */

struct text {
    char *at, *end;
};

static void add(struct text *text, const char *bytes, size_t size) {
    size_t room = (size_t)(text->end - text->at);
    size = size < room ? size : room;
    memcpy(text->at, bytes, size);
    text->at += size;
}

static void add_string(struct text *text, const char *string) {
    add(text, string, strlen(string));
}

/** Escape one character. @param ret_escape  at least 5 bytes @return bytes of `bytes` it takes */
static size_t escape_one(const char *bytes, size_t left, char separator, char *ret_escape) {
    unsigned char byte = (unsigned char)*bytes;
    size_t length = utf8_sequence(bytes, left);
    bool is_control = byte < 0x20 || byte == 0x7f || utf8_is_c1_control(bytes, length);
    if (length == 0 || is_control || byte == (unsigned char)separator) {
        snprintf(ret_escape, 5, "\\x%02x", byte);
        return 1;
    }
    if (byte == '"' || byte == '\\') {
        ret_escape[0] = '\\';
        ret_escape[1] = *bytes;
        ret_escape[2] = '\0';
        return 1;
    }
    memcpy(ret_escape, bytes, length);
    ret_escape[length] = '\0';
    return length;
}

/** A value, "-" when it is empty; cut to `most` bytes.
 *  @param separator  a character that must not be in it; '\0': there is none */
static void add_value(struct text *text, struct slice value, size_t most, char separator) {
    char escape[8];
    if (value.size == 0) {
        add_string(text, "-");
    }
    for (size_t used = 0, i = 0; i < value.size;) {
        size_t plain = text_plain_bytes(value.bytes + i, value.size - i, separator);
        if (plain > 0 && plain <= most - used) {
            add(text, value.bytes + i, plain);
            used += plain;
            i += plain;
            continue;
        }
        i += escape_one(value.bytes + i, value.size - i, separator, escape);
        used += strlen(escape);
        if (used > most) {
            add_string(text, "...");
            return;
        }
        add_string(text, escape);
    }
}

/** "[30/Nov/2026:13:53:01 +0000]" */
static void add_time(struct text *text, int64_t now_s) {
    static const char s_months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static _Thread_local int64_t tl_made_s = -1;
    static _Thread_local char tl_field[48]; /* of that second */
    if (now_s != tl_made_s) {
        char iso[LOG_TEXT_TIME_BYTES];
        log_text_time(iso, now_s); /* 2026-11-30T13:53:01 */
        int month = (iso[5] - '0') * 10 + (iso[6] - '0');
        snprintf(tl_field, sizeof tl_field, " [%.2s/%.3s/%.4s:%.8s +0000] \"", iso + 8,
                 s_months + (month - 1) * 3, iso, iso + 11);
        tl_made_s = now_s;
    }
    add_string(text, tl_field);
}

/** "12.345" */
static void add_ms(struct text *text, const char *name, uint64_t ns) {
    char digits[32], *at = digits + sizeof digits;
    uint64_t us = (ns + 500) / 1000;
    for (int i = 0; i < 4 || us > 0; i++) {
        if (i == 3) {
            *--at = '.';
        }
        *--at = (char)('0' + us % 10);
        us /= 10;
    }
    add_string(text, name);
    add(text, at, (size_t)(digits + sizeof digits - at));
}

/** The URL as the client sent it, or what is known of it. */
static void add_url(struct text *text, const struct request *request) {
    struct slice uri = value_of(request, "REQUEST_URI");
    struct slice query = value_of(request, "QUERY_STRING");
    if (uri.size > 0) {
        add_value(text, uri, LONG_BYTES, ' ');
        return;
    }
    if (request->script_name.size > 0) {
        add_value(text, request->script_name, LONG_BYTES / 2, ' ');
    }
    if (request->path_info.size > 0 || request->script_name.size == 0) {
        add_value(text, request->path_info, LONG_BYTES / 2, ' ');
    }
    if (query.size > 0) {
        add_string(text, "?");
        add_value(text, query, LONG_BYTES / 2, ' ');
    }
}

static void add_numbers(struct text *text, const struct access_line *access) {
    const struct request_account *account = &access->request->account;
    struct request_times times = request_times(access->request, access->ended_ns);
    char numbers[32];
    if (access->app) {
        add_string(text, " app=");
        add_value(text, slice_of(access->app), SHORT_BYTES, ' ');
    }
    if (account->generation) {
        snprintf(numbers, sizeof numbers, " gen=%llu", (unsigned long long)account->generation);
        add_string(text, numbers);
    }
    add_string(text, " req=");
    add_string(text, access->request->id);
    add_ms(text, " ms=", times.total_ns);
    add_ms(text, " queue_ms=", times.queue_ns);
    add_ms(text, " gil_ms=", times.gil_ns);
}

size_t access_line_as_text(const struct access_line *access, char line[ACCESS_LINE_BYTES]) {
    const struct request *request = access->request;
    struct text text = {line, line + ACCESS_LINE_BYTES - 1}; /* room for the newline */
    char numbers[64];
    add_value(&text, value_of(request, "REMOTE_ADDR"), SHORT_BYTES, ' ');
    add_string(&text, " - ");
    add_value(&text, value_of(request, "REMOTE_USER"), SHORT_BYTES, ' ');
    add_time(&text, access->now_s);
    add_value(&text, value_of(request, "REQUEST_METHOD"), SHORT_BYTES, ' ');
    add_string(&text, " ");
    add_url(&text, request);
    add_string(&text, " ");
    add_value(&text, value_of(request, "SERVER_PROTOCOL"), SHORT_BYTES, ' ');
    snprintf(numbers, sizeof numbers, "\" %u %llu \"", status_of(access),
             (unsigned long long)body_bytes(&request->account));
    add_string(&text, numbers);
    add_value(&text, value_of(request, "HTTP_REFERER"), LONG_BYTES / 4, '\0');
    add_string(&text, "\" \"");
    add_value(&text, value_of(request, "HTTP_USER_AGENT"), LONG_BYTES / 4, '\0');
    add_string(&text, "\"");
    add_numbers(&text, access);
    const char *parent = trace_parent(request);
    if (parent) {
        add_string(&text, " trace=");
        add(&text, parent + TRACE_AT, TRACE_BYTES);
    }
    if (access->end == REQUEST_CUT) {
        add_string(&text, " cut");
    }
    *text.at++ = '\n';
    return (size_t)(text.at - line);
}

size_t access_line_as_short(const struct access_line *access, bool has_colours,
                            char line[ACCESS_LINE_BYTES]) {
    const struct request *request = access->request;
    static const char s_cut[] = " cut";
    struct text text = {line, line + ACCESS_LINE_BYTES - SHORT_LINE_END_BYTES - sizeof s_cut};
    add_value(&text, value_of(request, "REQUEST_METHOD"), SHORT_BYTES, ' ');
    add_string(&text, " ");
    add_url(&text, request);
    struct request_times times = request_times(request, access->ended_ns);
    text.at +=
        short_line_end(text.at, status_of(access), (double)times.total_ns / NS_PER_MS, has_colours);
    text.end = line + ACCESS_LINE_BYTES - 1;
    if (access->end == REQUEST_CUT) {
        add_string(&text, s_cut);
    }
    *text.at++ = '\n';
    return (size_t)(text.at - line);
}

/* ---- As JSON ---- */

/** A parameter, if it was sent. */
static void add_param(struct json_writer *json, const char *key, const struct request *request,
                      const char *name) {
    struct slice value = value_of(request, name);
    if (value.size > 0) {
        json_add_bytes(json, key, value.bytes, value.size);
    }
}

static void add_json_url(struct json_writer *json, const struct request *request) {
    struct slice uri = value_of(request, "REQUEST_URI");
    const char *mark = uri.size > 0 ? memchr(uri.bytes, '?', uri.size) : NULL;
    size_t path_bytes = mark ? (size_t)(mark - uri.bytes) : uri.size;
    if (uri.size > 0) {
        json_add_bytes(json, "url.path", uri.bytes, path_bytes);
    } else {
        json_add_bytes(json, "url.path", request->path_info.bytes ? request->path_info.bytes : "",
                       request->path_info.size);
    }
    add_param(json, "url.query", request, "QUERY_STRING");
    add_param(json, "url.scheme", request, "REQUEST_SCHEME");
}

/** "1.1" of "HTTP/1.1". */
static void add_json_protocol(struct json_writer *json, const struct request *request) {
    struct slice protocol = value_of(request, "SERVER_PROTOCOL");
    static const char s_http[] = "HTTP/";
    enum { HTTP_BYTES = sizeof s_http - 1 };
    if (protocol.size > HTTP_BYTES && memcmp(protocol.bytes, s_http, HTTP_BYTES) == 0) {
        json_add_bytes(json, "network.protocol.version", protocol.bytes + HTTP_BYTES,
                       protocol.size - HTTP_BYTES);
    }
}

/** @param ns  written in seconds, as OpenTelemetry has it */
static void add_json_seconds(struct json_writer *json, const char *key, uint64_t ns) {
    char seconds[32];
    int size = snprintf(seconds, sizeof seconds, "%llu.%06llu",
                        (unsigned long long)(ns / (uint64_t)NS_PER_S),
                        (unsigned long long)(ns % (uint64_t)NS_PER_S / 1000));
    json_add_raw(json, key, seconds, (size_t)size);
}

static void add_json_trace(struct json_writer *json, const struct request *request) {
    const char *parent = trace_parent(request);
    if (parent) {
        json_add_bytes(json, "trace_id", parent + TRACE_AT, TRACE_BYTES);
        json_add_bytes(json, "parent_span_id", parent + SPAN_AT, SPAN_BYTES);
    }
}

char *access_line_as_json(const struct access_line *access, size_t *ret_size) {
    const struct request *request = access->request;
    struct json_writer json = {0};
    struct request_times times = request_times(access->request, access->ended_ns);
    char time_text[LOG_TEXT_TIME_MS_BYTES];
    log_text_time_ms(time_text);
    json_begin_object(&json, NULL);
    json_add_string(&json, "time", time_text);
    json_add_string(&json, "event", "request");
    add_param(&json, "http.request.method", request, "REQUEST_METHOD");
    add_json_url(&json, request);
    add_json_protocol(&json, request);
    json_add_integer(&json, "http.response.status_code", status_of(access));
    json_add_integer(&json, "http.response.body.size", (int64_t)body_bytes(&request->account));
    add_param(&json, "client.address", request, "REMOTE_ADDR");
    add_param(&json, "server.address", request, "SERVER_NAME");
    add_param(&json, "user.name", request, "REMOTE_USER");
    add_param(&json, "user_agent.original", request, "HTTP_USER_AGENT");
    add_param(&json, "http.request.header.referer", request, "HTTP_REFERER");
    add_json_trace(&json, request);
    add_json_seconds(&json, "http.server.request.duration", times.total_ns);
    add_json_seconds(&json, "fcgi_host.queue.duration", times.queue_ns);
    add_json_seconds(&json, "fcgi_host.gil_wait.duration", times.gil_ns);
    json_add_string(&json, "fcgi_host.request_id", request->id);
    if (access->app) {
        json_add_string(&json, "fcgi_host.app", access->app);
    }
    if (request->account.generation) {
        json_add_integer(&json, "fcgi_host.generation", (int64_t)request->account.generation);
    }
    if (access->end == REQUEST_CUT) {
        json_add_raw(&json, "fcgi_host.cut", "true", strlen("true"));
    }
    json_end_object(&json);
    json_end_line(&json);
    if (json.failed) {
        free(json.text);
        return NULL;
    }
    *ret_size = json.bytes;
    return json.text;
}
