#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/status/metrics.h"
#include "fcgi_host/status/page.h"
#include "fcgi_host/worker/worker_internal.h"

/** What the query string asks for. */
enum format { FORMAT_PAGE, FORMAT_JSON, FORMAT_METRICS };

/** Somebody waits for the supervisor's answer. */
struct status_request {
    struct status_request *next;
    uint64_t number;
    struct request *request;
    enum format format;
};

struct status_requests {
    struct status_request *first;
    uint64_t last_number;
};

static enum format format_of(const struct request *request) {
    const struct param *query = request_param(request, "QUERY_STRING");
    if (query && query->value_bytes == 4 && memcmp(query->value, "json", 4) == 0) {
        return FORMAT_JSON;
    }
    if (query && query->value_bytes == 11 && memcmp(query->value, "openmetrics", 11) == 0) {
        return FORMAT_METRICS;
    }
    return FORMAT_PAGE;
}

void worker_status_request(struct worker *worker, struct request *request) {
    if (!worker->status_requests) {
        worker->status_requests = calloc(1, sizeof *worker->status_requests);
    }
    struct status_requests *requests = worker->status_requests;
    struct status_request *each = requests ? calloc(1, sizeof *each) : NULL;
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
    channel_tell(&worker->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_STATUS_ASK, .number = each->number});
}

static void answer(struct request *request, enum format format, const char *text, size_t bytes) {
    if (format == FORMAT_JSON) {
        reply_content(request, "application/json", text, bytes);
        return;
    }
    struct json *json = json_parse(text, bytes, NULL);
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
    json_free(json);
}

void worker_status_answer(struct worker *worker, uint64_t number, const char *text, size_t bytes) {
    struct status_requests *requests = worker->status_requests;
    for (struct status_request **link = requests ? &requests->first : NULL; link && *link;
         link = &(*link)->next) {
        struct status_request *each = *link;
        if (each->number != number) {
            continue;
        }
        *link = each->next;
        if (text) {
            answer(each->request, each->format, text, bytes);
        } else {
            reply_status(each->request, "503 Service Unavailable", NULL, NULL);
        }
        free(each);
        return;
    }
}
