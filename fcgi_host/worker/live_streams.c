#include "fcgi_host/worker/live_streams.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fcgi_host/cgi/live_page.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/worker/submit.h"

/* Connecting again soon is cheap, and by then the next worker listens. */
static const char s_head[] = "Status: 200 OK\r\n"
                             "Content-Type: text/event-stream\r\n"
                             "Cache-Control: no-store\r\n"
                             "X-Accel-Buffering: no\r\n\r\n"
                             "retry: 300\n\n";

/* ---- Which state a page has ---- */

static bool parse_number(const char **at, const char *end, uint64_t *ret_number) {
    const char *start = *at;
    uint64_t number = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        if (number > (UINT64_MAX - 9) / 10) {
            return false;
        }
        number = number * 10 + (uint64_t)(**at - '0');
    }
    *ret_number = number;
    return *at > start;
}

/** @return whether a parameter is "SLOT-STATE" */
static bool parse_mark(const struct param *param, struct live_mark *ret_mark) {
    uint64_t slot, state;
    if (!param) {
        return false;
    }
    const char *at = param->value, *end = at + param->value_bytes;
    if (!parse_number(&at, end, &slot) || at == end || *at++ != '-' ||
        !parse_number(&at, end, &state) || at != end || slot >= LIVE_SLOTS) {
        return false;
    }
    *ret_mark = (struct live_mark){(int)slot, state};
    return true;
}

/** What a page wants to be told. */
struct wish {
    bool is_all;
    struct live_mark mark; /* what it has, or was told of before the connection broke off */
};

static bool find_wish(const struct request *request, struct wish *ret_wish) {
    const struct param *query = request_param(request, "QUERY_STRING");
    struct live_mark last, *mark = &ret_wish->mark;
    ret_wish->is_all = param_is(query, "all");
    if (ret_wish->is_all) {
        return true;
    }
    if (!parse_mark(query, mark)) {
        return false;
    }
    if (parse_mark(request_param(request, "HTTP_LAST_EVENT_ID"), &last) &&
        last.slot == mark->slot && last.state > mark->state) {
        *mark = last;
    }
    return true;
}

/* ---- One stream ---- */

static void close_stream(struct live_stream *stream) {
    if (stream->stream.fd >= 0) {
        intake_remove_fd(stream->all->intake, stream->stream.fd);
        event_stream_close(&stream->stream);
    }
}

/** @return whether the page could be told */
static bool tell_state(const struct live_stream *stream, int slot, uint64_t state) {
    char text[128];
    int size =
        snprintf(text, sizeof text, "event: %s\nid: %d-%" PRIu64 "\ndata: %d-%" PRIu64 "\n\n",
                 live_state_is_failure(state) ? "error" : "reload", slot, state, slot, state);
    return event_stream_send(&stream->stream, text, (size_t)size);
}

/** Tell a page what it does not know yet. */
static void tell(struct live_stream *stream) {
    for (int slot = stream->first_slot; slot <= stream->last_slot && stream->stream.fd >= 0;
         slot++) {
        uint64_t state = live_board_state(slot);
        if (state > stream->told[slot]) {
            stream->told[slot] = state;
            if (!tell_state(stream, slot, state)) {
                close_stream(stream);
            }
        }
    }
}

/** Note what a page wants to be told. */
static void begin(struct live_stream *stream, const struct wish *wish) {
    memset(stream->told, 0, sizeof stream->told);
    stream->first_slot = wish->is_all ? 0 : wish->mark.slot;
    stream->last_slot = wish->is_all ? LIVE_SLOTS - 1 : wish->mark.slot;
    if (!wish->is_all) {
        stream->told[wish->mark.slot] = wish->mark.state;
    }
}

static void stream_ready(void *ctx, int fd) {
    struct live_stream *stream = ctx;
    (void)fd;
    if (!event_stream_read(&stream->stream)) {
        close_stream(stream);
    }
}

static enum bequeath_result take_connection(struct intake_heir *heir,
                                            const struct passed_connection *connection) {
    struct live_streams *streams = (struct live_streams *)heir;
    int fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return BEQUEATH_REFUSED;
    }
    event_stream_begin(&streams->opening->stream, fd, streams->opening_id, connection->bytes,
                       connection->size);
    return BEQUEATH_PASSED;
}

/** A place for one more: a free one, or that of the oldest. */
static struct live_stream *find_place(struct live_streams *streams) {
    struct live_stream *oldest = &streams->items[0];
    for (size_t i = 0; i < LIVE_STREAMS_MAX; i++) {
        struct live_stream *each = &streams->items[i];
        if (each->stream.fd < 0) {
            return each;
        }
        oldest = each->number < oldest->number ? each : oldest;
    }
    close_stream(oldest);
    return oldest;
}

/* ---- All ---- */

void live_streams_init(struct live_streams *streams) {
    *streams = (struct live_streams){.heir = {.give = take_connection}};
    for (size_t i = 0; i < LIVE_STREAMS_MAX; i++) {
        streams->items[i].all = streams;
        streams->items[i].stream.fd = -1;
    }
}

static void board_changed(void *ctx, int fd) {
    struct live_streams *streams = ctx;
    (void)fd;
    for (size_t i = 0; i < LIVE_STREAMS_MAX; i++) {
        tell(&streams->items[i]);
    }
}

int live_streams_attach(struct live_streams *streams, struct intake *intake, struct error *err) {
    int fd = live_board_fd();
    streams->intake = intake;
    return fd < 0 ? 0 : intake_add_edge_fd(intake, fd, board_changed, streams, err);
}

void live_streams_open(struct live_streams *streams, struct request *request) {
    struct wish wish;
    if (!param_is(request_param(request, "REQUEST_METHOD"), "GET")) {
        reply_status(request, "405 Method Not Allowed", NULL, NULL);
        return;
    }
    if (!find_wish(request, &wish)) {
        reply_status(request, "400 Bad Request", NULL, NULL);
        return;
    }
    struct live_stream *stream = find_place(streams);
    streams->opening = stream;
    streams->opening_id = request->fcgi_id;
    if (streams->is_closed || !streams->intake ||
        !intake_pass_request(streams->intake, request, &streams->heir)) {
        reply_status(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, NULL);
        return;
    }
    stream->number = ++streams->last_number;
    begin(stream, &wish);
    if (intake_add_fd(streams->intake, stream->stream.fd, stream_ready, stream, NULL) != 0 ||
        !event_stream_send(&stream->stream, s_head, sizeof s_head - 1)) {
        close_stream(stream);
        return;
    }
    tell(stream);
}

void live_streams_close(struct live_streams *streams) {
    streams->is_closed = true;
    for (size_t i = 0; i < LIVE_STREAMS_MAX; i++) {
        close_stream(&streams->items[i]);
    }
}
