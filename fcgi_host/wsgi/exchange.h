/**
 * One request as the WSGI side sees it: what was sent, what may still be sent, and which threads
 * may use it.  It is also PEP 3333's start_response callable, so that a request needs one object
 * less.
 *
 * The functions here decide what goes out: the head before the first block of the body, no body for
 * HEAD, 204 and 304, no more than Content-Length says, the end of the stream with the last block;
 * and, for an authorizer, nothing of a "200" before the application is done (FastCGI 1.0 §6.3:
 * sending it grants access).
 *
 * An application may pass wsgi.input or the write callable to a thread of its own and keep them for
 * longer than the request lasts: `lock` keeps the two threads apart, and exchange_close() ends the
 * other thread's access.
 *
 * The request may be taken away meanwhile (fastcgi/hold.h): then it has gone like a web server that
 * has closed.  So `request` is not followed outside of exchange_enter() and exchange_leave().
 *
 * @thread any thread of the interpreter  @tstate attached; where a call has to wait it detaches
 */
#ifndef FCGI_HOST_WSGI_EXCHANGE_H
#define FCGI_HOST_WSGI_EXCHANGE_H

#include "pool/python/py_compat.h"

#include <pthread.h>

#include "fcgi_host/cgi/live_page.h"
#include "fcgi_host/cgi/response.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/wsgi/state.h"

enum exchange_phase {
    EXCHANGE_HEAD,  /**< nothing was sent */
    EXCHANGE_BODY,  /**< the head was, and maybe some of the body */
    EXCHANGE_ENDED, /**< all was, with END_REQUEST */
    EXCHANGE_CUT,   /**< it breaks off: shorter than its Content-Length, or not sent */
};

struct wsgi_loaded;

struct exchange {
    PyObject ob_base;
    vectorcallfunc vectorcall;
    struct request *request;   /**< NULL after exchange_close() */
    struct request_hold *hold; /**< the request's; mostly NULL */
    const struct wsgi_state *state;
    char request_id[sizeof((struct request *)NULL)->id];
    bool is_authorizer;
    struct response response;
    char *deferred; /**< malloc'ed: the body that waits while exchange_is_deferred() */
    size_t deferred_bytes;
    int64_t sent;    /**< bytes of the body, including those that HEAD leaves out */
    int64_t surplus; /**< bytes beyond Content-Length, left out */
    bool may_exceed; /**< a file: PEP 3333 has it cut to its Content-Length without a word */
    /** If it asks for a page that may get the script of live.h: of its application; else NULL. */
    const struct wsgi_loaded *live;
    struct live_page live_page; /**< all zero: the page does not get it */
    bool is_live_forbidden;     /**< its Content-Security-Policy keeps it out */
    enum exchange_phase phase;
    bool is_head;         /**< the request's method is HEAD */
    bool peer_has_gone;   /**< the web server has closed, or asked to abort */
    bool has_met_refusal; /**< an extension module has refused to be imported by this request */
    bool is_withheld;     /**< nothing is sent (withhold.h) */
    bool gave_no_status;  /**< the application returned without start_response() */
    bool closed;          /**< like `request` NULL, but for threads that hold the lock */
    bool has_last;        /**< the end is sent; for threads that hold the lock, like `closed` */
    unsigned busy;        /**< threads that are detached within a call; under the GIL */
    pthread_mutex_t lock; /**< held while detached within a call, let go before attaching */
};

/**
 * @param call  the vectorcall function: what calling the object as start_response does
 * @return a new reference, or NULL with an exception
 */
struct exchange *exchange_new(struct wsgi_state *state, struct request *request,
                              vectorcallfunc call);

/** End all access to the request; waits for threads that are within a call. */
void exchange_close(struct exchange *exchange);

/**
 * Use the request until exchange_leave().  The exchange begins entered.
 * @return the request, or NULL: ERR_FAILED after exchange_close(), ERR_CLOSED when it was taken
 */
struct request *exchange_enter(struct exchange *exchange, struct error *err);
void exchange_leave(struct exchange *exchange);

/**
 * Send a block of the body, and before it the head if it is still to be sent.
 * response_set_status() must have been called.
 * @param is_last  nothing follows: see exchange_end()
 * @return 0, or -1: ERR_CLOSED, ERR_TIMEOUT (peer_has_gone is set), ERR_SYSTEM, ERR_MEMORY
 */
int exchange_send(struct exchange *exchange, const void *block, size_t size, bool is_last,
                  struct error *err);

/**
 * The same from a regular file, and the end with it. Errors also: ERR_SYSTEM (the file)
 */
int exchange_send_file(struct exchange *exchange, int fd, off_t offset, size_t size,
                       struct error *err);

/**
 * The body is complete: send what is still to be sent.  When it is shorter than its
 * Content-Length the phase becomes EXCHANGE_CUT instead.  Errors: as exchange_send()
 */
int exchange_end(struct exchange *exchange, struct error *err);

/** Whether the response waits until the application is done: that of an authorizer with "200". */
bool exchange_is_deferred(const struct exchange *exchange);

/**
 * Read from the request's body; waits for at least one byte.
 * @return bytes read, 0 at the end of the body, or -1: the errors of request_read()
 */
ssize_t exchange_read(struct exchange *exchange, void *buffer, size_t size, struct error *err);

/** Whether the web server has gone away or asked to abort, as far as is known without waiting; then
 *  peer_has_gone is set. */
bool exchange_is_peer_gone(struct exchange *exchange);

/** The same for the application's own question: a TCP peer that sends nothing more has gone
 *  (request_is_client_gone()), though the response is still sent to it. */
bool exchange_is_client_gone(struct exchange *exchange);

/** Send text to the web server's error log; after the end it is dropped. */
void exchange_send_errors(struct exchange *exchange, const char *text, size_t size);

#endif
