/**
 * A FastCGI request between the intake thread, which reads its header and routes it, and the thread
 * of a generation that answers it.  The WSGI side knows nothing else of FastCGI.
 *
 * Life cycle:
 *   1. intake: BEGIN_REQUEST and PARAMS complete → parameters, routing → pool_submit(&r->job)
 *   2. a thread of the generation: request_read*() and request_send*() as the application goes
 *   3. request_finish(), once; after it the request must not be touched
 *
 * Follows: FastCGI 1.0 §5, §6; RFC 3875 §4, §6.
 * In the intake's hook, which must not wait for a peer, a request may be answered in place with
 * request_send() and then request_finish(): what the socket does not take at once is copied and
 * sent later.
 *
 * @owns   the connection owns the request and the bytes behind its parameters
 * @thread between hand-over and request_finish(): the serving thread only.  With a hold, within
 *         hold_enter() and hold_leave() only; a call that waits fails with ERR_CLOSED when the
 *         request is taken meanwhile, and has not touched the request since
 */
#ifndef FCGI_HOST_FASTCGI_REQUEST_H
#define FCGI_HOST_FASTCGI_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "fcgi_host/fastcgi/params.h"
#include "pool/base/error.h"
#include "pool/base/job.h"

struct application;
struct connection;
struct request_hold;

/** What became of a request, and when; for whoever keeps an account of it. */
struct request_account {
    unsigned status;      /**< of the response's head; 0: none was sent */
    uint64_t head_bytes;  /**< of the response's head */
    uint64_t sent_bytes;  /**< of FCGI_STDOUT, the head included */
    uint64_t begun_ns;    /**< CLOCK_MONOTONIC when the application began with it; 0: it did not */
    uint64_t gil_wait_ns; /**< how long before that its thread waited for the GIL */
    uint64_t generation;  /**< of the application; 0: none has begun with it */
    bool is_probe;        /**< a question whether the host is there: nobody wants to read of it */
};

struct request {
    struct job job;
    struct connection *connection;
    const struct param *params;
    size_t param_count;
    enum request_role role;
    uint16_t fcgi_id;       /**< the web server's request id on this connection */
    bool keep_connection;   /**< FCGI_KEEP_CONN */
    char id[32];            /**< this host's own: "<pid>-<counter>", unique while the host runs */
    int64_t content_length; /**< CONTENT_LENGTH; -1: not known */
    uint64_t accepted_ns;   /**< CLOCK_MONOTONIC when its header was complete */
    /** The serving thread's (hold.h), where another thread may take the request; mostly NULL. */
    struct request_hold *hold;

    /** It was run before, and what came of it was dropped (request_give_up()). */
    bool was_given_up;

    struct request_account account;

    /* Filled by the worker, from the route (cgi/route.h). */
    struct application *application;
    struct slice script_name, path_info; /**< percent-decoded bytes */
    char *path_storage; /**< malloc'ed bytes behind these, freed with the request; mostly NULL */
};

/** The request that a job is part of. */
static inline struct request *request_of(struct job *job) {
    return (struct request *)((char *)job - offsetof(struct request, job));
}

/** The value of a parameter, or NULL. Names are compared exactly. The last one sent wins. */
const struct param *request_param(const struct request *request, const char *name);

/* ---- Body (FCGI_STDIN) ---- */

/**
 * What has arrived already, without a system call that could block.
 * @return bytes copied, 0 at the end of the body, -1 with ERR_BUSY (nothing there yet: call
 *         request_read() detached), ERR_CLOSED (peer gone, or FCGI_ABORT_REQUEST), ERR_PROTOCOL
 *         (not FastCGI, or FCGI_STDIN ended before CONTENT_LENGTH), ERR_SYSTEM (disk full)
 * @tstate any
 */
ssize_t request_read_ready(struct request *request, void *buffer, size_t size, struct error *err);

/** The same, but wait for at least one byte or the end.  More errors: ERR_TIMEOUT (nothing came for
 *  minutes). @tstate none (detached): it blocks */
ssize_t request_read(struct request *request, void *buffer, size_t size, struct error *err);

/* ---- Response (FCGI_STDOUT, FCGI_STDERR) ---- */

enum {
    SEND_LAST = 1, /**< nothing follows: end of stream and END_REQUEST go out in the same write */

    /** Most parts in one request_send(). */
    REQUEST_SEND_PARTS = 16,
};

/**
 * Send bytes on FCGI_STDOUT without blocking; they leave at once, not when a buffer is full.
 * No bytes and no SEND_LAST: nothing is sent (an empty record would end the stream).
 * The first part of the first send is the response's head, and begins with "Status: ".
 * @param parts  at most REQUEST_SEND_PARTS; the array itself is copied
 * @return 0 all sent; 1 some wait: call request_flush(), the bytes must stay valid until then;
 *         -1 ERR_CLOSED (peer gone or aborted), ERR_SYSTEM
 * @tstate any
 */
int request_send(struct request *request, const struct iovec *parts, int part_count, unsigned flags,
                 struct error *err);

/**
 * Wait until all is sent.  Takes in body bytes meanwhile, so that two writing sides never wait for
 * each other.
 * @return 0, or -1: ERR_CLOSED (peer gone or aborted), ERR_TIMEOUT (it took nothing for minutes)
 * @tstate none (detached): it blocks
 */
int request_flush(struct request *request, struct error *err);

/**
 * Send `length` bytes of a regular file, from `offset`, with sendfile(2).
 * @return 0, or -1: ERR_USAGE (not a regular file: nothing was sent), ERR_CLOSED, ERR_TIMEOUT,
 *         ERR_SYSTEM (the file is shorter, or cannot be read: the response can only be cut)
 * @tstate none (detached): it blocks
 */
int request_send_file(struct request *request, int fd, off_t offset, size_t length, unsigned flags,
                      struct error *err);

/** Send text on FCGI_STDERR (web servers write it to their error log). @tstate none (detached) */
int request_send_stderr(struct request *request, const void *text, size_t size, struct error *err);

/** Whether the web server has gone away or asked to abort, as far as is known without waiting.  A
 *  TCP peer that has closed looks like one that has only stopped sending; it counts as gone when a
 *  send to it fails. */
bool request_is_aborted(struct request *request);

/** The same, and a TCP peer that sends nothing more counts as gone: no web server goes on reading
 *  after it has closed its side. */
bool request_is_client_gone(struct request *request);

/** Have request->hold told when the peer sends something or goes (hold_look() then).
 *  @return whether that has happened before  @thread serving, before it runs the application */
bool request_watch_client(struct request *request);
/** The hold is told no more.  @thread the request's owner */
void request_unwatch_client(struct request *request);

enum request_end {
    REQUEST_COMPLETE,   /**< FCGI_REQUEST_COMPLETE with app_status */
    REQUEST_OVERLOADED, /**< FCGI_OVERLOADED; nothing may have been sent */
    REQUEST_CUT,        /**< the response broke off: close without END_REQUEST, visibly */
};

/**
 * End the request: the rest of STDIN is drained, END_REQUEST sent unless SEND_LAST did, and the
 * connection goes back to the intake thread (FCGI_KEEP_CONN) or is closed.
 * @tstate none (detached) preferred: may block for a slow peer; when SEND_LAST sent everything and
 *         STDIN is at its end it does not block and may be called attached
 */
void request_finish(struct request *request, enum request_end end, uint32_t app_status);

/** What a request has cost, in nanoseconds. */
struct request_times {
    uint64_t total_ns; /**< since its header was complete */
    uint64_t queue_ns; /**< until the application began with it; of this: */
    uint64_t gil_ns;   /**< its thread waited for the GIL */
};
/** @param ended_ns  CLOCK_MONOTONIC, when it ended */
struct request_times request_times(const struct request *request, uint64_t ended_ns);

/** Be told of every request that ends, just before it does: all of it is still there.
 *  @param told  NULL: nobody; called on the thread and with the thread state of request_finish()
 *  @pre no request is in hand */
void request_tell_ends(void (*told)(const struct request *request, enum request_end end));

/** Whether the request could be run once more, here or in another process: FCGI_STDIN has come to
 *  its end, the application has read nothing of it, and nothing was sent on FCGI_STDOUT. */
bool request_is_whole(const struct request *request);
/**
 * Run a request no further that is whole: from now on it is as if no thread had begun with it, and
 * has no hold.  FCGI_STDERR is ended if it was used.
 * @tstate none (detached): it may block
 */
void request_give_up(struct request *request);

/** How far the response of a request has come. */
enum request_progress {
    REQUEST_UNANSWERED, /**< nothing was sent */
    REQUEST_HALF_SENT,  /**< some was: only REQUEST_CUT is possible */
    REQUEST_ANSWERED,   /**< all was, but for the end of the request */
};
/** The caller has taken the request with hold_take() from a thread that does not come back.  From
 *  now on the request has no hold, and no call waits for the peer.  @tstate none */
enum request_progress request_take_over(struct request *request);
/** Whether request_finish(REQUEST_COMPLETE) would not block now. */
bool request_finish_is_quick(const struct request *request);

#endif
