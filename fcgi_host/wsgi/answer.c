#include "fcgi_host/wsgi/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/error_page.h"
#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/wsgi/environ.h"
#include "fcgi_host/wsgi/errors.h"
#include "fcgi_host/wsgi/exception.h"
#include "fcgi_host/wsgi/input.h"
#include "fcgi_host/wsgi/live.h"
#include "fcgi_host/wsgi/log.h"
#include "fcgi_host/wsgi/result.h"
#include "fcgi_host/wsgi/withhold.h"
#include "pool/python/interpreter.h"

/* What "GET /some/path" takes at most in a log line. */
enum { SHOWN_REQUEST_BYTES = 512 };

/* Method and path of a request, for people. */
static void describe_request(const struct exchange *exchange, const struct request *request,
                             char *text, size_t size) {
    if (exchange->hold) { /* the request may be another thread's by now */
        snprintf(text, size, "%s", exchange->hold->line);
        return;
    }
    const struct param *method = request_param(request, "REQUEST_METHOD");
    const struct param *uri = request_param(request, "REQUEST_URI");
    struct slice script_name = request->script_name, path = request->path_info;
    if (uri) {
        script_name.size = 0;
        path = (struct slice){uri->value, uri->value_bytes};
    }
    snprintf(text, size, "%.*s %.*s%.*s", method ? (int)method->value_bytes : 0,
             method ? method->value : "", (int)script_name.size,
             script_name.size ? script_name.bytes : "", (int)path.size,
             path.size ? path.bytes : "");
}

/* Take the exception that is set, and log it. */
static void log_failure(struct wsgi_state *state, const struct exchange *exchange,
                        const struct request *request, struct error *ret_failure) {
    char what[SHOWN_REQUEST_BYTES];
    struct log_about about = wsgi_current_about(wsgi_current());
    /* An exception that a client's disconnect has caused is not the application's error. */
    bool is_withheld = exchange->is_withheld;
    bool is_expected = is_withheld ||
                       (exchange->peer_has_gone && PyErr_ExceptionMatches(PyExc_OSError)) ||
                       (state->client_gone && PyErr_ExceptionMatches(state->client_gone));
    exception_take(state, ret_failure);
    describe_request(exchange, request, what, sizeof what);
    wsgi_log(is_expected ? LOG_DEBUG : LOG_ERROR,
             is_withheld   ? "request.withheld"
             : is_expected ? "request.closed"
                           : "request.exception",
             &about, "%s: %s", what, ret_failure->text);
}

static void send_page(struct exchange *exchange, const char *status, const char *traceback) {
    struct error err;
    char *body = NULL;
    size_t size;
    if (error_page_make(&exchange->response, status, traceback, &body, &size, &err) == 0) {
        exchange->sent = exchange->surplus = 0;
        exchange_send(exchange, body, size, true, &err);
    }
    free(body);
}

/* Answer for an application that has failed, as far as an answer can still be given. */
static void answer_failure(const struct wsgi_loaded *loaded, struct exchange *exchange,
                           const struct request *request) {
    /* FastCGI 1.0 §6.3: only "200" lets pass.  An authorizer without an answer just refuses. */
    bool is_silent_authorizer = exchange->is_authorizer && exchange->gave_no_status;
    struct error failure;
    interpreter_prefer_interrupt();
    exchange_is_peer_gone(exchange); /* ClientGone may have told the application alone */
    withhold_response(exchange, WITHHOLD_FAILURE);
    log_failure(loaded->state, exchange, request, &failure);
    if (exchange->phase == EXCHANGE_HEAD && !exchange->peer_has_gone) {
        bool is_dev = loaded->config->dev;
        send_page(exchange, is_silent_authorizer ? "403 Forbidden" : "500 Internal Server Error",
                  is_dev ? failure.text : NULL);
    } else if (exchange->phase == EXCHANGE_BODY) {
        exchange->phase = EXCHANGE_CUT;
    }
}

/* Call the application, send what it returns, close it.  Exceptions end here. */
static void call_application(const struct wsgi_loaded *loaded, struct exchange *exchange,
                             const struct request *request, PyObject *environ) {
    PyObject *arguments[] = {environ, (PyObject *)exchange};
    PyObject *result = PyObject_Vectorcall(loaded->callable, arguments, 2, NULL);
    if (!result) {
        answer_failure(loaded, exchange, request);
        return;
    }
    enum wsgi_outcome outcome = wsgi_result_send(loaded->state, exchange, result);
    if (outcome == OUTCOME_EXCEPTION) {
        answer_failure(loaded, exchange, request);
    }
    if (wsgi_result_close(loaded->state, result) < 0) {
        answer_failure(loaded, exchange, request);
    } else if (outcome == OUTCOME_DONE && wsgi_result_end(exchange) == OUTCOME_EXCEPTION) {
        answer_failure(loaded, exchange, request);
    }
    Py_DECREF(result);
}

/* Log a body that is not as long as its Content-Length says. */
static void log_length(const struct exchange *exchange, const struct request *request) {
    char what[SHOWN_REQUEST_BYTES];
    struct log_about about = wsgi_current_about(wsgi_current());
    int64_t length = exchange->response.content_length;
    bool is_short = exchange->phase == EXCHANGE_CUT && exchange->sent < length;
    if (exchange->surplus > 0) {
        describe_request(exchange, request, what, sizeof what);
        wsgi_log(LOG_ERROR, "response.length", &about,
                 "%s: %" PRId64 " bytes beyond the Content-Length of %" PRId64 " were left out",
                 what, exchange->surplus, length);
    } else if (is_short && !exchange->peer_has_gone) {
        describe_request(exchange, request, what, sizeof what);
        wsgi_log(LOG_ERROR, "response.length", &about,
                 "%s: the body ended after %" PRId64 " bytes of a Content-Length of %" PRId64, what,
                 exchange->sent, length);
    }
}

/* PEP 3333 calls hop-by-hop headers fatal, but event streams copy "Connection: keep-alive" from one
 * another, and other servers let that pass. */
static void log_left_out(struct wsgi_loaded *loaded, const char *name) {
    struct log_about about = wsgi_current_about(wsgi_current());
    loaded->has_left_out = true;
    wsgi_log(LOG_WARN, "response.hop_by_hop", &about,
             "the application sends the header %s, which is the web server's: left out", name);
}

static enum request_end how_it_ends(const struct exchange *exchange) {
    if (exchange->phase == EXCHANGE_ENDED || exchange->peer_has_gone) {
        return REQUEST_COMPLETE; /* FastCGI 1.0 §5.4: also after FCGI_ABORT_REQUEST */
    }
    /* In EXCHANGE_HEAD not even an error page could be made or sent. */
    return exchange->phase == EXCHANGE_HEAD ? REQUEST_OVERLOADED : REQUEST_CUT;
}

enum request_end answer_request(struct wsgi_loaded *loaded, struct exchange *exchange,
                                struct request *request) {
    PyObject *input = wsgi_input_new(loaded->state, exchange);
    PyObject *environ = input ? environ_new(loaded, request, input, &exchange->is_head) : NULL;
    live_begin_request(exchange, loaded);
    exchange_leave(exchange);
    if (environ) {
        call_application(loaded, exchange, request, environ);
    } else {
        answer_failure(loaded, exchange, request);
    }
    Py_XDECREF(environ);
    Py_XDECREF(input);
    wsgi_errors_flush(wsgi_current());
    if (exchange->response.left_out && !loaded->has_left_out) {
        log_left_out(loaded, exchange->response.left_out);
    }
    live_log(loaded, exchange);
    exchange_close(exchange);
    log_length(exchange, request);
    return how_it_ends(exchange);
}
