#include "fcgi_host/worker/status_requests.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/cgi/route_params.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/status/metrics.h"
#include "fcgi_host/status/page.h"

/** What the query string asks for. */
enum format {
    FORMAT_PAGE,
    FORMAT_STILL,
    FORMAT_JSON,
    FORMAT_OPENMETRICS,
    FORMAT_PROMETHEUS,
    FORMAT_READY
};

/** A request that waits for the supervisor's answer. */
struct status_request {
    struct status_request *next;
    uint64_t number;
    struct request *request;
    enum format format;
};

static enum format format_of(const struct request *request) {
    static const struct {
        const char *name;
        enum format format;
    } s_formats[] = {
        {"still", FORMAT_STILL},
        {"json", FORMAT_JSON},
        {"openmetrics", FORMAT_OPENMETRICS},
        {"prometheus", FORMAT_PROMETHEUS},
    };
    const struct param *query = request_param(request, "QUERY_STRING");
    size_t bytes = query ? query->value_bytes : 0;
    /* Prometheus writes a parameter without a value as "openmetrics=". */
    bytes -= bytes > 0 && query->value[bytes - 1] == '=';
    for (size_t i = 0; i < sizeof s_formats / sizeof s_formats[0]; i++) {
        if (bytes == strlen(s_formats[i].name) &&
            memcmp(query->value, s_formats[i].name, bytes) == 0) {
            return s_formats[i].format;
        }
    }
    return FORMAT_PAGE;
}

/** @return the number under which it waits; 0: it was answered, there is no memory */
static uint64_t await(struct status_requests *requests, struct request *request,
                      enum format format) {
    struct status_request *each = calloc(1, sizeof *each);
    if (!each) {
        reply_status(request, "503 Service Unavailable", NULL, NULL);
        return 0;
    }
    *each = (struct status_request){
        .next = requests->first,
        .number = ++requests->last_number,
        .request = request,
        .format = format,
    };
    requests->first = each;
    return each->number;
}

void status_requests_ask(struct status_requests *requests, struct request *request) {
    uint64_t number = await(requests, request, format_of(request));
    if (number) {
        channel_tell(requests->supervisor,
                     &(struct channel_outgoing){.type = CHANNEL_STATUS_ASK, .number = number});
    }
}

/** The value of `app` in the query string, decoded; "": there is none, or it is no name. */
static void read_app(const struct request *request, char ret_app[CHANNEL_NAME_BYTES]) {
    static const char s_key[] = "app=";
    const struct param *param = request_param(request, "QUERY_STRING");
    char *query = param ? strndup(param->value, param->value_bytes) : NULL, *rest = NULL;
    ret_app[0] = '\0';
    for (char *pair = query ? strtok_r(query, "&", &rest) : NULL; pair;
         pair = strtok_r(NULL, "&", &rest)) {
        if (strncmp(pair, s_key, sizeof s_key - 1) == 0 && strlen(pair) < CHANNEL_NAME_BYTES) {
            size_t bytes = route_params_percent_decode(slice_of(pair + sizeof s_key - 1), ret_app);
            ret_app[bytes] = '\0';
        }
    }
    free(query);
}

void status_requests_ask_ready(struct status_requests *requests, struct request *request) {
    char app[CHANNEL_NAME_BYTES];
    read_app(request, app);
    uint64_t number = await(requests, request, FORMAT_READY);
    if (number) {
        channel_tell(
            requests->supervisor,
            &(struct channel_outgoing){.type = CHANNEL_READY_ASK, .number = number, .name = app});
    }
}

static void reply_with_status(struct request *request, enum format format, const char *text,
                              size_t bytes) {
    if (format == FORMAT_JSON) {
        reply_content(request, "application/json", text, bytes);
        return;
    }
    enum metrics_format metrics = format == FORMAT_PROMETHEUS ? METRICS_TEXT : METRICS_OPENMETRICS;
    json_t *json = json_parse(text, bytes, NULL);
    bool is_page = format == FORMAT_PAGE || format == FORMAT_STILL;
    char *made =
        is_page ? status_page(json, format == FORMAT_STILL) : status_metrics(json, metrics);
    if (made) {
        reply_content(request, is_page ? "text/html; charset=utf-8" : metrics_content_type(metrics),
                      made, strlen(made));
    } else {
        reply_status(request, "500 Internal Server Error", NULL, NULL);
    }
    free(made);
    json_decref(json);
}

/** @return the request that waits under a number, no longer in the list; NULL: none does */
static struct status_request *take(struct status_requests *requests, uint64_t number) {
    struct status_request **link = &requests->first;
    while (*link && (*link)->number != number) {
        link = &(*link)->next;
    }
    struct status_request *found = *link;
    if (found) {
        *link = found->next;
    }
    return found;
}

static const char *status_line(const char *status) {
    static const char *const lines[] = {"200 OK", "404 Not Found"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strncmp(lines[i], status, strlen("200")) == 0) {
            return lines[i];
        }
    }
    return "503 Service Unavailable";
}

void status_requests_take(struct status_requests *requests, const struct channel_message *message) {
    struct status_request *each = take(requests, message->number);
    size_t bytes = 0;
    char *text = message->fd >= 0 ? channel_take_file(message->fd, &bytes, NULL) : NULL;
    if (each && each->format == FORMAT_READY) {
        reply_text(each->request, status_line(message->name), message->text);
    } else if (each && text) {
        reply_with_status(each->request, each->format, text, bytes);
    } else if (each) {
        reply_status(each->request, "503 Service Unavailable", NULL, NULL);
    }
    free(text);
    free(each);
}
