#include "fcgi_host/wsgi/exchange.h"

#include <string.h>

#include "fcgi_host/cgi/web_server.h"
#include "fcgi_host/fastcgi/hold.h"
#include "fcgi_host/wsgi/exchange_internal.h"

struct exchange *exchange_new(struct wsgi_state *state, struct request *request,
                              vectorcallfunc call) {
    struct exchange *exchange = PyObject_New(struct exchange, state->exchange_type);
    if (exchange) {
        exchange->vectorcall = call;
        exchange->request = request;
        exchange->hold = request->hold;
        exchange->state = state;
        memcpy(exchange->request_id, request->id, sizeof exchange->request_id);
        exchange->is_authorizer = request->role == ROLE_AUTHORIZER;
        response_init(&exchange->response);
        exchange->deferred = NULL;
        exchange->deferred_bytes = 0;
        exchange->sent = exchange->surplus = 0;
        exchange->live = NULL;
        exchange->live_page = (struct live_page){0};
        exchange->is_live_forbidden = false;
        exchange->phase = EXCHANGE_HEAD;
        exchange->may_exceed = false;
        exchange->is_head = exchange->peer_has_gone = false;
        exchange->has_met_refusal = exchange->is_withheld = false;
        exchange->gave_no_status = exchange->closed = exchange->has_last = false;
        exchange->busy = 0;
        exchange->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    }
    return exchange;
}

int exchange_set_finished(struct error *err) {
    return error_set(err, ERR_FAILED, "the request is finished");
}

bool exchange_enter_open(struct exchange *exchange, struct error *err) {
    if (exchange->hold && !hold_enter(exchange->hold)) {
        error_set(err, ERR_CLOSED, "the request ran out of its time");
        return false;
    }
    return true;
}

struct request *exchange_enter(struct exchange *exchange, struct error *err) {
    if (!exchange->request) {
        exchange_set_finished(err);
        return NULL;
    }
    return exchange_enter_open(exchange, err) ? exchange->request : NULL;
}

void exchange_leave(struct exchange *exchange) {
    if (exchange->hold) {
        hold_leave(exchange->hold);
    }
}

PyThreadState *exchange_detach_and_lock(struct exchange *exchange) {
    exchange->busy++;
    PyThreadState *tstate = PyEval_SaveThread();
    pthread_mutex_lock(&exchange->lock);
    return tstate;
}

void exchange_unlock_and_attach(struct exchange *exchange, PyThreadState *tstate) {
    pthread_mutex_unlock(&exchange->lock);
    PyEval_RestoreThread(tstate);
    exchange->busy--;
}

void exchange_close(struct exchange *exchange) {
    exchange->request = NULL;
    if (exchange->busy == 0) {
        exchange->closed = true;
        return;
    }
    PyThreadState *tstate = exchange_detach_and_lock(exchange);
    exchange->closed = true;
    exchange_unlock_and_attach(exchange, tstate);
}

/* A peer that takes nothing for minutes counts as gone (request.h). */
int exchange_note_send_failure(struct exchange *exchange, int result, const struct error *err) {
    if (result < 0 && (err->code == ERR_CLOSED || err->code == ERR_TIMEOUT)) {
        exchange->peer_has_gone = true;
    } else if (result < 0 && exchange->request) {
        exchange->phase = EXCHANGE_CUT;
    }
    return result;
}

ssize_t exchange_read(struct exchange *exchange, void *buffer, size_t size, struct error *err) {
    struct request *request = exchange->request;
    if (!request || exchange->is_withheld) { /* the next one to run it gets the whole body */
        return exchange_set_finished(err);
    }
    ssize_t result = -1;
    bool must_wait = exchange->busy > 0;
    if (!must_wait && exchange_enter_open(exchange, err)) {
        result = request_read_ready(request, buffer, size, err);
        must_wait = result < 0 && err->code == ERR_BUSY;
        exchange_leave(exchange);
    }
    if (must_wait) {
        PyThreadState *tstate = exchange_detach_and_lock(exchange);
        if (exchange->closed) {
            exchange_set_finished(err);
        } else if (exchange_enter_open(exchange, err)) {
            result = request_read(request, buffer, size, err);
            exchange_leave(exchange);
        }
        exchange_unlock_and_attach(exchange, tstate);
    }
    if (result < 0 && err->code == ERR_CLOSED) {
        exchange->peer_has_gone = true;
    }
    return result;
}

/* Ask the request, unless the answer is known. */
static bool ask_whether_gone(struct exchange *exchange, bool (*is_gone)(struct request *request)) {
    struct error err;
    /* A thread that waits for the peer sees for itself when the peer goes. */
    if (exchange->peer_has_gone || !exchange->request || exchange->busy > 0) {
        return exchange->peer_has_gone;
    }
    struct request *request = exchange_enter(exchange, &err);
    bool result = !request || is_gone(request);
    exchange_leave(exchange);
    return result;
}

bool exchange_is_peer_gone(struct exchange *exchange) {
    exchange->peer_has_gone = ask_whether_gone(exchange, request_is_aborted);
    return exchange->peer_has_gone;
}

bool exchange_is_client_gone(struct exchange *exchange) {
    return ask_whether_gone(exchange, request_is_client_gone);
}

static bool takes_errors(const struct request *request) {
    const struct param *software = request_param(request, "SERVER_SOFTWARE");
    return !software ||
           web_server_takes_errors((struct slice){software->value, software->value_bytes});
}

void exchange_send_errors(struct exchange *exchange, const char *text, size_t size) {
    struct request *request = exchange->request;
    if (!request || exchange->phase >= EXCHANGE_ENDED || exchange->peer_has_gone ||
        !takes_errors(request)) {
        return;
    }
    struct error err;
    PyThreadState *tstate = exchange_detach_and_lock(exchange);
    int result = 0;
    if (!exchange->closed && !exchange->has_last) {
        result = -1;
        if (exchange_enter_open(exchange, &err)) {
            result = request_send_stderr(request, text, size, &err);
            exchange_leave(exchange);
        }
    }
    exchange_unlock_and_attach(exchange, tstate);
    exchange_note_send_failure(exchange, result, &err);
}
