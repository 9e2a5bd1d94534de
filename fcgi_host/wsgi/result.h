/**
 * From what an application returned to bytes on the wire.
 *
 * Follows: PEP 3333, "Buffering and Streaming", "Handling the Content-Length Header",
 * "Specification Details" (close()).
 * @thread the serving thread  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_RESULT_H
#define FCGI_HOST_WSGI_RESULT_H

#include "fcgi_host/wsgi/exchange.h"

enum wsgi_outcome {
    OUTCOME_DONE,
    OUTCOME_EXCEPTION,  /**< a Python exception is set */
    OUTCOME_UNSENDABLE, /**< the peer has gone */
};

/** Send what the application object returned, block by block, and its end. */
enum wsgi_outcome wsgi_result_send(struct wsgi_state *state, struct exchange *exchange,
                                   PyObject *result);

/** Send the end if it is still to be sent. */
enum wsgi_outcome wsgi_result_end(struct exchange *exchange);

/** Call the result's close(), if it has one. @return 0, or -1 with an exception */
int wsgi_result_close(struct wsgi_state *state, PyObject *result);

#endif
