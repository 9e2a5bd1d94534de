/**
 * One connection from a web server, and its hand-over between the intake thread and the serving
 * threads.  The intake thread sees its reader and its socket; a serving thread, by way of
 * request.h, its body and response.
 *
 * Ownership.  A connection has one owner at a time; only the owner touches it, except for `owner`:
 *
 *     OWNER_INTAKE        the intake thread: idle, or its header is being read
 *     OWNER_SERVING       a serving thread, from intake_hooks.request until request_finish() ends
 *     OWNER_SERVING_EDGE  the same, and epoll has reported input meanwhile
 *     OWNER_SERVING_HANG_UP  the same, and the report said that the peer closes (or sends no more)
 *
 * A connection that stays open is registered with epoll once, edge-triggered.  The kernel reports
 * an edge once, so an edge that arrives while a thread serves must not be lost:
 *
 *     intake, for an event:    INTAKE → handles it
 *                              SERVING → SERVING_EDGE or SERVING_HANG_UP, nothing else
 *     serving, giving back:    compare-and-swap SERVING → INTAKE
 *                              if it fails, an edge has come: put the connection on `returns` and
 *                              wake the intake thread, which reads as if the edge came just now
 *
 * Both are atomic changes of one variable, so they have a total order.  If the edge comes first,
 * the give-back sees it; if the give-back comes first, the intake thread sees the event on a
 * connection of its own.  Registering for the first time happens before the swap, while the owner
 * is SERVING; what is readable then is reported by EPOLL_CTL_ADD as an edge like any other.  Bytes
 * that were received but not used (of the next request) are in the buffer, and no edge reports
 * them: in that case the give-back always goes by way of `returns`.  Every change away from SERVING
 * releases, every change to INTAKE seen by the intake acquires.
 *
 * A connection that its serving thread closes goes to `returns` too, without waking the intake
 * thread; its memory is used again only between two rounds of events, so that an event fetched
 * earlier never meets another connection in its place.
 *
 * @tstate any, unless said otherwise
 */
#ifndef FCGI_HOST_FASTCGI_CONNECTION_H
#define FCGI_HOST_FASTCGI_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/body_spool.h"
#include "fcgi_host/fastcgi/record_reader.h"
#include "fcgi_host/fastcgi/record_writer.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/fastcgi/returns.h"

/** The first member of everything that the intake thread waits for; epoll's data points to it. */
enum source_kind { SOURCE_LISTEN, SOURCE_WAKE, SOURCE_CONNECTION, SOURCE_WATCHER };
struct source {
    enum source_kind kind;
};

enum connection_owner { OWNER_INTAKE, OWNER_SERVING, OWNER_SERVING_EDGE, OWNER_SERVING_HANG_UP };

/** What the intake thread does with a connection. */
enum connection_mode {
    MODE_RECEIVE, /**< await a request (its header; a small body) */
    MODE_DRAIN,   /**< the response is sent: await the end of FCGI_STDIN, then END_REQUEST */
    MODE_END,     /**< the response is complete: when it is sent, close or await the next request */
    MODE_LINGER,  /**< closing, but the peer may still be sending: discard until it closes */
};

/** Body bytes that arrived while the application was not reading. */
struct connection_body {
    struct body_spool spool;
    bool is_lost; /**< some could not be kept (disk full): reading fails */
};

/** How far the response has come. */
struct connection_response {
    struct record_writer writer;
    void *owned_content;   /**< malloc'ed: what `writer` points to, when no caller keeps it */
    bool has_sent;         /**< some of FCGI_STDOUT */
    bool has_sent_stderr;  /**< the stream must be ended */
    bool has_ended_stream; /**< FCGI_STDOUT is at its end */
    bool has_ended;        /**< FCGI_END_REQUEST is sent, or in `writer` */
    uint32_t app_status;   /**< for END_REQUEST after MODE_DRAIN */
    uint8_t protocol_status;
};

struct request_hold;

/** The first member of the intake thread's struct intake_connection, which has the memory. */
struct connection {
    struct source source; /**< first: epoll's data */
    _Atomic int owner;    /**< enum connection_owner */
    int fd;               /**< -1: closed */
    struct returns *returns;
    enum connection_mode mode;
    bool is_registered; /**< with epoll */
    bool is_eof;        /**< the peer sends nothing more (it may still read) */
    bool is_gone;       /**< nothing can be sent */
    /** Taken from a thread (hold.h) that may be waiting for `fd`: closing alone would neither wake
     *  that thread nor be seen by the peer. */
    bool is_taken_over;

    struct record_reader reader;
    struct connection_body body;         /**< @thread serving */
    struct connection_response response; /**< begun by the serving thread; intake sends the rest */
    struct request request;

    struct connection *next_returned; /**< returns.h */

    /** While a serving thread owns the connection: told of events of the socket; mostly NULL.  Set
     *  by that thread, read by the intake thread. */
    struct request_hold *_Atomic watcher;
    bool is_registered_to_watch; /**< with epoll, for this request only */
};

/**
 * Make a connection without a socket of zeroed memory.
 * @return 0, or -1: out of memory
 * @owns   the caller: connection_destroy(), also after a failure
 */
int connection_init(struct connection *connection, struct returns *returns,
                    const struct reader_limits *limits);
/** Free what the connection has, but not the connection itself. */
void connection_destroy(struct connection *connection);
/** Begin with a connected non-blocking socket, which the connection owns from now on. */
void connection_open(struct connection *connection, int fd);
/** Forget request and response; bytes of the next request stay. @thread owner */
void connection_reset_request(struct connection *connection);
static inline struct connection *connection_of(struct request *request) {
    return request->connection;
}

/* ---- The socket. @thread owner ---- */

/**
 * Send what waits, without blocking: replies, then the response.
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

/** What to do with body bytes that the application is not reading at the moment. */
enum take_in { TAKE_IN_KEEP, TAKE_IN_DISCARD };
/**
 * Take in what has arrived, without blocking, so that an abort, a hang-up and the end of FCGI_STDIN
 * become known and the peer can go on sending.
 * @param limit  stop after about this many bytes
 * @return whether more can be taken in when it arrives; if not, do not wait for input
 */
bool connection_take_in(struct connection *connection, enum take_in what, size_t limit);

/** Begin to send what the response still lacks, FCGI_END_REQUEST with app_status and
 *  protocol_status at its end; nothing of the response may be pending. */
void connection_end_response(struct connection *connection);
/** End FCGI_STDOUT, and FCGI_STDERR if it was used, behind what the writer has. */
void connection_end_streams(struct connection *connection);

/** FCGI_ABORT_REQUEST came before the request was handed over (§5.4): only FCGI_END_REQUEST is to
 * be sent; MODE_END. */
void connection_end_aborted(struct connection *connection);
/** A whole response of the host's own is to be sent (its bytes are not copied); MODE_DRAIN. */
void connection_refuse_request(struct connection *connection, const char *response, size_t size);

/* ---- Hand-over ---- */

/** Note that epoll reported something. @return whether the connection is the intake thread's
 *  @thread intake */
bool connection_note_edge(struct connection *connection, bool is_hang_up);

/** Close the descriptor, however it is used. @thread owner */
void connection_close_fd(struct connection *connection);
/** Have events of the socket told to `watcher`, until the connection is closed or given back; if
 *  there has been one already, it is told now. @return whether it was  @thread serving (the owner)
 */
bool connection_watch(struct connection *connection, struct request_hold *watcher);
/** End that. @thread the owner */
void connection_unwatch(struct connection *connection);
/** Close the socket. @thread serving (the owner); afterwards it is the intake's */
void connection_close(struct connection *connection);
/**
 * Give an open connection to the intake thread.
 * @param attend  the intake thread must look at the connection now (because of its mode or of bytes
 *                in its buffer), not only await an edge
 * @thread serving (the owner)
 */
void connection_give_back(struct connection *connection, bool attend);

#endif
