#include "fcgi_host/wsgi/withhold.h"

void wsgi_set_withhold_hook(const struct wsgi_withhold_hook *hook) {
    wsgi_settings()->withhold_hook = *hook;
}

void wsgi_note_refusal(void) {
    struct wsgi_state *state = wsgi_state_get();
    struct exchange *exchange = wsgi_current()->exchange;
    if (!state) {
        PyErr_Clear(); /* it was never set up */
        return;
    }
    state->has_refused = true;
    if (exchange) {
        exchange->has_met_refusal = true;
    }
}

bool withhold_response(struct exchange *exchange, int status) {
    const struct wsgi_withhold_hook *hook = &wsgi_settings()->withhold_hook;
    bool is_affected = exchange->has_met_refusal || status >= WITHHOLD_FAILURE;
    if (exchange->is_withheld) {
        return true;
    }
    /* A thread that is within a call waits for the body: the request is not whole. */
    if (!exchange->state->has_refused || !is_affected || !hook->withholds ||
        exchange->phase != EXCHANGE_HEAD || exchange->peer_has_gone || exchange->busy > 0) {
        return false;
    }
    struct error err;
    struct request *request = exchange_enter(exchange, &err);
    if (request) {
        exchange->is_withheld = hook->withholds(hook->ctx, request, exchange->has_met_refusal);
        exchange_leave(exchange);
    }
    exchange->peer_has_gone = exchange->is_withheld;
    return exchange->is_withheld;
}
