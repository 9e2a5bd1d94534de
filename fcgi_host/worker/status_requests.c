#include "fcgi_host/worker/status_requests.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/status/metrics.h"
#include "fcgi_host/status/page.h"

/** What the query string asks for. */
enum format { FORMAT_PAGE, FORMAT_JSON, FORMAT_METRICS };

/** A request that waits for the supervisor's answer. */
struct status_request {
    struct status_request *next;
    uint64_t number;
    struct request *request;
    enum format format;
};

static enum format format_of(const struct request *request) {
    const struct param *query = request_param(request, "QUERY_STRING");
    if (param_is(query, "json")) {
        return FORMAT_JSON;
    }
    if (param_is(query, "openmetrics")) {
        return FORMAT_METRICS;
    }
    return FORMAT_PAGE;
}

void status_requests_ask(struct status_requests *requests, struct request *request) {
    struct status_request *each = calloc(1, sizeof *each);
    if (!each) {
        reply_status(request, "503 Service Unavailable", NULL, NULL);
        return;
    }
    *each = (struct status_request){
        .next = requests->first,
        .number = ++requests->last_number,
        .request = request,
        .format = format_of(request),
    };
    requests->first = each;
    channel_tell(requests->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_STATUS_ASK, .number = each->number});
}

static void reply_with_status(struct request *request, enum format format, const char *text,
                              size_t bytes) {
    if (format == FORMAT_JSON) {
        reply_content(request, "application/json", text, bytes);
        return;
    }
    json_t *json = json_parse(text, bytes, NULL);
    char *made = format == FORMAT_PAGE ? status_page(json) : status_metrics(json);
    if (made) {
        reply_content(request,
                      format == FORMAT_PAGE
                          ? "text/html; charset=utf-8"
                          : "application/openmetrics-text; version=1.0.0; charset=utf-8",
                      made, strlen(made));
    } else {
        reply_status(request, "500 Internal Server Error", NULL, NULL);
    }
    free(made);
    json_decref(json);
}

void status_requests_answer(struct status_requests *requests, uint64_t number, const char *text,
                            size_t bytes) {
    for (struct status_request **link = &requests->first; *link; link = &(*link)->next) {
        struct status_request *each = *link;
        if (each->number != number) {
            continue;
        }
        *link = each->next;
        if (text) {
            reply_with_status(each->request, each->format, text, bytes);
        } else {
            reply_status(each->request, "503 Service Unavailable", NULL, NULL);
        }
        free(each);
        return;
    }
}
