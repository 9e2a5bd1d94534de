/**
 * Between exchange.c (access to the request, its body) and exchange_send.c (the response).
 * @thread any of the interpreter  @tstate attached, unless said otherwise
 */
#ifndef FCGI_HOST_WSGI_EXCHANGE_INTERNAL_H
#define FCGI_HOST_WSGI_EXCHANGE_INTERNAL_H

#include "fcgi_host/wsgi/exchange.h"

/** @return -1: ERR_FAILED, the request is finished */
int exchange_set_finished(struct error *err);

/** Like exchange_enter(), for a thread that has seen that the exchange is not closed. */
bool exchange_enter_open(struct exchange *exchange, struct error *err);

/** Detach, and keep other threads out of the request: between the two, nothing of Python. */
PyThreadState *exchange_detach_and_lock(struct exchange *exchange);
void exchange_unlock_and_attach(struct exchange *exchange, PyThreadState *tstate);

/** Note what a failed send says of the peer. @return `result` */
int exchange_note_send_failure(struct exchange *exchange, int result, const struct error *err);

#endif
