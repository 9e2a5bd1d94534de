/**
 * The parts of the intake thread, the lowest first: epoll.c (registering, closing), requests.c
 * (giving requests to serving threads), step.c (what is done with the bytes of a connection),
 * connections.c (what connections wait for), bequeath.c (connections for another worker), accept.c
 * (new connections), watchers.c (other descriptors), intake.c (the loop).
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_INTAKE_INTAKE_INTERNAL_H
#define FCGI_HOST_INTAKE_INTAKE_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/queue.h>

#include "fcgi_host/fastcgi/connection.h"
#include "fcgi_host/intake/deadline.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/intake/peer_address.h"

enum {
    /** Events in one round: a batch for the hooks. */
    INTAKE_EVENTS = 64,
    /** Connections accepted in one round: the first waits for the batch to end, and another worker
     *  may take what is left. */
    INTAKE_ACCEPTS = 16,
    /** One receive of the intake thread: most requests whole, a small body in three. */
    INTAKE_RECEIVE_BYTES = 32 * 1024,
    /** Bytes from one connection in one turn, so that a fast one does not hold up the others. */
    INTAKE_TURN_BYTES = 256 * 1024,
    /** A body up to this size is awaited here; a larger one is read by the serving thread. */
    INTAKE_BODY_BYTES = 64 * 1024,
    /** Room for a serving thread to receive records of a larger body. */
    INTAKE_SERVING_ROOM_BYTES = 16 * 1024,
    /** The same when FCGI_STDIN is at its end: for FCGI_ABORT_REQUEST and the next request. */
    INTAKE_ABORT_ROOM_BYTES = 512,
    /** Defaults of the timeouts in intake_options. */
    INTAKE_BODY_MS = 300 * 1000,
    INTAKE_DRAIN_MS = 30 * 1000,
    /** How long the peer may take to read the end of a response before the connection is closed. */
    INTAKE_END_MS = 300 * 1000,
    /** After a refusal, how long the peer may take to close. */
    INTAKE_LINGER_MS = 2000,
    /** Out of descriptors or memory: accepting is tried again after this time, or when a connection
     *  is closed. */
    INTAKE_ACCEPT_RETRY_MS = 500,
    /** Closed connections whose memory is kept for the next ones. */
    INTAKE_FREE_CONNECTIONS = 256,
};
/** The rest of FCGI_STDIN after a response may be no longer than this. */
#define INTAKE_DRAIN_BYTES ((uint64_t)1 << 30)

enum intake_deadline {
    DEADLINE_HEADER,
    DEADLINE_BODY,
    DEADLINE_DRAIN,
    DEADLINE_END,
    DEADLINE_LINGER,
    DEADLINE_COUNT
};

/** A connection, and what only the intake thread knows about it. */
struct intake_connection {
    struct connection base; /**< first: epoll's data and the request point to it */
    bool may_be_readable;   /**< the socket was not found empty since the last edge */
    bool trusts_short;      /**< a short read means that it is empty and no hang-up waits */
    bool waits_to_send;     /**< EPOLLOUT is asked for */
    bool is_kept;           /**< has served a request before */
    bool is_ready;          /**< in the list of those to go on with */
    bool is_leaving;        /**< in the list of those that another worker is to take */
    bool has_request;       /**< leaving: its header is complete, and no thread has begun with it */
    struct intake_heir *heir; /**< leaving: who is to take it; NULL: the one of hooks.bequeath */
    uint64_t drained_bytes;   /**< received since the request was handed over or refused */
    struct deadline deadline;
    TAILQ_ENTRY(intake_connection) ready_link;
    TAILQ_ENTRY(intake_connection) leaving_link;
    LIST_ENTRY(intake_connection) open_link;
    SLIST_ENTRY(intake_connection) free_link;
};
static inline struct intake_connection *intake_connection_of(struct connection *base) {
    return (struct intake_connection *)((char *)base - offsetof(struct intake_connection, base));
}

/** The listening socket. */
struct intake_listening {
    struct source source; /**< first: epoll's data */
    int fd;
    struct balance *balance; /**< NULL: no other process listens */
    int balance_member;
    unsigned max_connections;
    struct peer_addresses *peer_addresses;
    bool is_registered; /**< with epoll */
    bool is_held;       /**< intake_pause_accepting() */
    bool is_paused;
    uint64_t retry_ns; /**< 0: paused until a connection is closed, or not paused */
};

/** All connections, and the lists that a connection may be in. */
struct intake_connections {
    struct reader_limits limits;
    LIST_HEAD(, intake_connection) open;
    SLIST_HEAD(, intake_connection) closed; /**< in this round */
    SLIST_HEAD(, intake_connection) free;
    unsigned free_count;
    TAILQ_HEAD(, intake_connection) ready; /**< to go on with in the next round */
    /** For another worker, which does not take them yet; without events and deadlines. */
    TAILQ_HEAD(, intake_connection) leaving;
    struct deadline_list deadlines[DEADLINE_COUNT];
    atomic_uint open_count;
    _Atomic uint64_t accepted_count;
    uint8_t receive_buffer[INTAKE_RECEIVE_BYTES];
};

/** Requests on their way to serving threads. */
struct intake_requests {
    struct intake_hooks hooks;
    bool is_in_batch;   /**< hooks.batch_begin was called */
    uint64_t counter;   /**< for their ids */
    char id_prefix[16]; /**< "<pid>-" */
    size_t id_prefix_bytes;
    _Atomic uint64_t given_count;
};

/** The descriptors of intake_add_fd(). */
struct intake_watchers {
    SLIST_HEAD(, watcher) all;
    bool has_removed;
};

struct intake {
    struct intake_listening listening;
    struct intake_connections connections;
    struct intake_requests requests;
    struct intake_watchers watchers;

    struct returns returns;
    struct source wake_source;
    atomic_bool is_told_to_leave;
    bool is_held;           /**< intake_hold() */
    void (*dry)(void *ctx); /**< NULL: was called, or is not wanted */
    void *dry_ctx;
    atomic_uint own_in_hand; /**< for `returns`, without a balance */
};

/* epoll.c */
/** Close a connection that this thread owns. */
void intake_close(struct intake *intake, struct intake_connection *connection);
/** Have epoll report what a connection waits for; it is closed when that fails. */
void intake_set_events(struct intake *intake, struct intake_connection *connection, bool to_send);
/** Have epoll report nothing more: closing is not enough while another process has it open. */
void intake_unregister(struct intake *intake, struct intake_connection *connection);

/* requests.c */
/** Give a request, whose header is complete, to the hook; its connection is a serving thread's
 *  afterwards, or was closed. */
void intake_give_to_server(struct intake *intake, struct intake_connection *connection);
/** Tell the hooks that no more requests come in this round. */
void intake_end_batch(struct intake *intake);

/* step.c */
/** How far a look at what a connection holds has come. */
enum intake_step {
    INTAKE_STEP_MORE,  /**< bytes are needed */
    INTAKE_STEP_SEND,  /**< nothing to do before all is sent */
    INTAKE_STEP_AGAIN, /**< the mode has changed: look again */
    INTAKE_STEP_GONE,  /**< given away or closed: not to be touched */
};
/** Do what the connection's mode asks for with the bytes that are there. */
enum intake_step intake_step(struct intake *intake, struct intake_connection *connection);
/** MODE_DRAIN is over: send END_REQUEST. @return AGAIN, or SEND: not yet */
enum intake_step intake_end_drained(struct intake_connection *connection);
/** Send nothing more, discard what comes until the peer closes. @return AGAIN */
enum intake_step intake_linger(struct intake_connection *connection);

/* connections.c */
/** Take on a connected, non-blocking socket.
 *  @param passed  what is known of it; NULL: it is new
 *  @return -1 out of memory: the socket is closed */
int intake_take_on(struct intake *intake, int fd, const struct passed_connection *passed);
/** Go on with a connection that this thread owns, as far as it goes without waiting. */
void intake_advance(struct intake *intake, struct intake_connection *connection);
/** epoll has reported something for a connection, which a serving thread may own. */
void intake_connection_event(struct intake *intake, struct intake_connection *connection,
                             uint32_t events);
/** A connection's deadline has passed. */
void intake_connection_expired(struct intake *intake, struct intake_connection *connection,
                               enum intake_deadline which);
/** Take what serving threads left. */
void intake_collect(struct intake *intake);
/** Go on with the connections that are ready, once each. */
void intake_advance_ready(struct intake *intake);
/** Make closed connections available again. Between two rounds of events only.
 *  @return whether there were any */
bool intake_reuse_closed(struct intake *intake);
/** Free all connections, at the end. */
void intake_free_connections(struct intake *intake);

/* bequeath.c */
/** Offer another worker a connection that this thread owns. @return whether it leaves: it is not to
 *  be touched */
bool intake_bequeath(struct intake *intake, struct intake_connection *connection);
/** Bequeath the connections on which no request is under way, or close idle ones, now that the
 *  intake stops. */
void intake_let_go(struct intake *intake);

/* accept.c */
int intake_listen(struct intake *intake, struct error *err);
void intake_unlisten(struct intake *intake);
/** The listening socket is readable. */
void intake_accept(struct intake *intake);
/** Begin or stop to leave new connections to other workers, depending on what each has in hand. */
void intake_update_balance(struct intake *intake);
/** A connection was closed, or time has passed: accept again if that was paused. */
void intake_resume_accepting(struct intake *intake);

/* watchers.c */
/** A watcher's descriptor is ready. */
void intake_watcher_event(struct source *source);
/** Free the watchers that were removed.  Between two rounds of events only. */
void intake_free_removed(struct intake *intake);
void intake_free_watchers(struct intake *intake);

#endif
