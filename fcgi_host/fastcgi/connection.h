/**
 * One connection from a web server, and its hand-over between the intake thread and the serving
 * threads.
 *
 * Ownership.  A connection has one owner at a time; only the owner touches it, but for `owner`:
 *
 *     OWNER_INTAKE        the intake thread: idle, or its header is being read
 *     OWNER_SERVING       a serving thread, from hooks->request until request_finish() ends
 *     OWNER_SERVING_EDGE  the same, and epoll has reported input meanwhile
 *     OWNER_SERVING_HANG_UP  the same, and the report said that the peer closes (or sends no more)
 *
 * A connection that stays open is registered with epoll once, edge-triggered.  The kernel reports
 * an edge once, so one that arrives while a thread serves must not be lost:
 *
 *     intake, for an event:    INTAKE → handles it
 *                              SERVING → SERVING_EDGE or SERVING_HANG_UP, nothing else
 *     serving, giving back:    compare-and-swap SERVING → INTAKE
 *                              if it fails an edge has come: put it on `returns` and wake the
 *                              intake thread, which then reads as if the edge came just now
 *
 * Both are atomic changes of one variable, so in their total order either the edge comes first, and
 * the give-back sees it, or the give-back does, and the intake thread sees the event on a
 * connection that is its own.  Registering for the first time happens before the swap, while the
 * owner is SERVING; what is readable then is reported by EPOLL_CTL_ADD as an edge like any other.
 * What was received but not used (the next request's bytes behind this one's) is in the buffer,
 * where no edge tells of it: then the give-back always goes by way of `returns`.
 * Every change away from SERVING releases, every change to INTAKE seen by the intake acquires.
 *
 * A connection that is closed by its serving thread goes to `returns` too, without waking anyone;
 * its memory is used again only between two rounds of events, so that an event fetched earlier
 * never meets another connection in its place.
 *
 * @tstate any, unless said otherwise
 */
#ifndef FCGI_HOST_FASTCGI_CONNECTION_H
#define FCGI_HOST_FASTCGI_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "fcgi_host/fastcgi/body_spool.h"
#include "fcgi_host/fastcgi/deference.h"
#include "fcgi_host/fastcgi/record_reader.h"
#include "fcgi_host/fastcgi/record_writer.h"
#include "fcgi_host/fastcgi/request.h"

/** What epoll's data points to: the first member of each kind of thing that is waited for. */
enum source_kind { SOURCE_LISTEN, SOURCE_WAKE, SOURCE_CONNECTION, SOURCE_WATCHER };
struct source {
    enum source_kind kind;
};

enum connection_owner { OWNER_INTAKE, OWNER_SERVING, OWNER_SERVING_EDGE, OWNER_SERVING_HANG_UP };

/** What the intake thread does with it. */
enum connection_mode {
    MODE_RECEIVE, /**< await a request (its header; a small body) */
    MODE_DRAIN,   /**< the response is sent: await the end of FCGI_STDIN, then END_REQUEST */
    MODE_END,     /**< all is said: when it is sent, close or await the next request */
    MODE_LINGER,  /**< closing, but the peer may still be sending: discard until it closes */
};

/** Where serving threads leave connections for the intake thread, and how they wake it. */
struct returns {
    struct connection *_Atomic first;
    atomic_bool is_wake_pending;
    atomic_bool wakes_on_close; /**< the intake thread waits for connections to close */
    atomic_bool is_stopping;    /**< kept-open connections are closed after their request */
    struct deference deference; /**< in hand: connections that serving threads own */
    atomic_bool is_yielding;    /**< new connections are left to other workers */
    pthread_t thread;           /**< the intake thread: must not wait for a peer */
    int epoll_fd;
    int wake_fd; /**< eventfd, never read: each write is an edge */
};

struct deadline_list;

struct connection {
    struct source source;
    _Atomic int owner; /**< enum connection_owner */
    int fd;            /**< -1: closed */
    struct returns *returns;
    enum connection_mode mode;
    bool is_registered; /**< with epoll */
    bool is_eof;        /**< the peer sends nothing more (it may still read) */
    bool is_gone;       /**< nothing can be sent */

    struct record_reader reader;
    struct record_writer writer;
    void *owned_content; /**< malloc'ed: what `writer` points to, when no caller keeps it */
    struct body_spool spool;
    bool has_lost_body; /**< some of it could not be kept (disk full): reading it fails */

    /* The response. */
    struct request request;
    bool has_sent;         /**< some of FCGI_STDOUT */
    bool has_sent_stderr;  /**< the stream must be ended */
    bool has_ended_stream; /**< FCGI_STDOUT is at its end */
    bool has_ended;        /**< FCGI_END_REQUEST is sent, or in `writer` */
    uint32_t app_status;   /**< for END_REQUEST after MODE_DRAIN */
    uint8_t protocol_status;

    struct connection *next_returned;

    /* The intake thread's own (intake_internal.h). */
    bool may_be_readable; /**< the socket was not found empty since the last edge */
    bool trusts_short;    /**< a short read means that it is empty and no hang-up waits */
    bool waits_to_send;   /**< EPOLLOUT is asked for */
    bool is_kept;         /**< has served a request before */
    bool is_ready;        /**< in the list of those to go on with */
    uint64_t drained_bytes;
    uint64_t deadline_ns;
    struct deadline_list *deadline;
    TAILQ_ENTRY(connection) deadline_link;
    TAILQ_ENTRY(connection) ready_link;
    LIST_ENTRY(connection) open_link;
    SLIST_ENTRY(connection) free_link;
};

/** @return a connection without a socket, or NULL: out of memory @owns connection_free() */
struct connection *connection_new(struct returns *returns, const struct reader_limits *limits);
void connection_free(struct connection *connection);
/** Begin with a connected non-blocking socket, which the connection owns from now on. */
void connection_open(struct connection *connection, int fd);
/** Forget request and response; bytes of the next request stay. @thread owner */
void connection_reset_request(struct connection *connection);
static inline struct connection *connection_of(struct request *request) {
    return request->connection;
}

/* ---- The socket. @thread owner ---- */

/**
 * Send what waits: replies, then the writer; without blocking.
 * @return 0 nothing waits any more, 1 the socket is full, -1 the peer is gone (is_gone is set)
 */
int connection_send(struct connection *connection);
bool connection_has_to_send(const struct connection *connection);

enum receive_result { RECEIVE_SOME, RECEIVE_NONE_YET, RECEIVE_NOTHING_MORE, RECEIVE_NO_ROOM };
/**
 * Receive once, without blocking: first into `direct` (NULL allowed) as many body bytes as must
 * come next, the rest into the reader's buffer.
 * @param[out] ret_direct  bytes in `direct`
 * @param[out] ret_is_short  less came than there was room for: the socket is empty
 */
enum receive_result connection_receive(struct connection *connection, void *direct,
                                       size_t direct_size, size_t *ret_direct, bool *ret_is_short);

/** What to do with body bytes that nobody reads at the moment. */
enum take_in { TAKE_IN_KEEP, TAKE_IN_DISCARD };
/**
 * Take in what has arrived, without blocking: so that a request to abort, a hang-up, the end of
 * FCGI_STDIN are known, and the peer can go on sending.
 * @param limit  stop after about that many bytes
 * @return whether more could be taken in when it arrives (else: do not wait for input)
 */
bool connection_take_in(struct connection *connection, enum take_in what, size_t limit);

/** Let the output be what the response still lacks, FCGI_END_REQUEST with app_status and
 *  protocol_status at its end; nothing may be pending. */
void connection_end_response(struct connection *connection);
/** End FCGI_STDOUT, and FCGI_STDERR if it was used, behind what is in the output. */
void connection_end_streams(struct connection *connection);

/* ---- Hand-over ---- */

/** Note that epoll reported something. @return whether the connection is the intake thread's
 *  @thread intake */
bool connection_note_edge(struct connection *connection, bool is_hang_up);

/** Close the socket. @thread serving (the owner); afterwards it is the intake's */
void connection_close(struct connection *connection);
/**
 * Give an open connection to the intake thread.
 * @param attend  it must look at it (by its mode, or for bytes it holds), not only await an edge
 * @thread serving (the owner)
 */
void connection_give_back(struct connection *connection, bool attend);
/** Wake the intake thread. @thread any; async-signal-safe */
void returns_wake(struct returns *returns);

#endif
