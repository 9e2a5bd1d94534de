#include "fcgi_host/cgi/reply.h"

#include <stdlib.h>

#include "fcgi_host/cgi/error_page.h"
#include "fcgi_host/cgi/response.h"

/** RFC 3875 §4.3.3: no body for HEAD. */
static bool is_head(const struct request *request) {
    return param_is(request_param(request, "REQUEST_METHOD"), "HEAD");
}

static void send_answer(struct request *request, struct response *response, const char *body,
                        size_t body_bytes) {
    struct iovec parts[] = {
        {response->head, response->size},
        {(void *)body, is_head(request) ? 0 : body_bytes},
    };
    struct error err;
    int outcome = response_end_head(response, &err);
    parts[0] = (struct iovec){response->head, response->size};
    if (outcome == 0) {
        outcome = request_send(request, parts, 2, SEND_LAST, &err);
    }
    request_finish(request, outcome < 0 ? REQUEST_CUT : REQUEST_COMPLETE, 0);
}

void reply_status(struct request *request, const char *status, const char *retry_after,
                  const char *detail) {
    reply_failure(request, status, retry_after, detail, NULL);
}

void reply_failure(struct request *request, const char *status, const char *retry_after,
                   const char *detail, const struct live_mark *mark) {
    struct response response;
    struct error err;
    char *body = NULL;
    size_t bytes = 0;
    response_init(&response);
    if (error_page_make(&response, status, detail, &body, &bytes, &err) ||
        (retry_after &&
         response_add_header(&response, slice_of("Retry-After"), slice_of(retry_after), &err))) {
        request_finish(request, REQUEST_CUT, 0); /* out of memory */
    } else {
        if (mark && detail && live_page_is_asked(request)) {
            live_page_append(*mark, &body, &bytes);
            response.content_length = (int64_t)bytes;
        }
        send_answer(request, &response, body, bytes);
    }
    free(body);
    response_clear(&response);
}

static void reply_as(struct request *request, const char *status, const char *type,
                     const char *content, size_t bytes) {
    struct response response;
    struct error err;
    if (request->role == ROLE_AUTHORIZER) {
        reply_status(request, "403 Forbidden", NULL, NULL);
        return;
    }
    response_init(&response);
    if (response_set_status(&response, slice_of(status), &err) ||
        response_add_header(&response, slice_of("Content-Type"), slice_of(type), &err) ||
        response_add_header(&response, slice_of("Cache-Control"), slice_of("no-store"), &err)) {
        request_finish(request, REQUEST_CUT, 0);
    } else {
        response.content_length = (int64_t)bytes;
        send_answer(request, &response, content, bytes);
    }
    response_clear(&response);
}

void reply_content(struct request *request, const char *type, const char *content, size_t bytes) {
    reply_as(request, "200 OK", type, content, bytes);
}

void reply_text(struct request *request, const char *status, const char *text) {
    reply_as(request, status, "text/plain; charset=utf-8", text, strlen(text));
}
