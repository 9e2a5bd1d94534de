/**
 * The parts of the intake thread: its loop and descriptors (intake.c), accepting
 * (accept.c), what connections wait for (connections.c), what is done with what they
 * bring (step.c).
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_INTAKE_INTAKE_INTERNAL_H
#define FCGI_HOST_INTAKE_INTAKE_INTERNAL_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "fcgi_host/fastcgi/connection.h"
#include "fcgi_host/intake/deadline.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/intake/peer_address.h"

enum {
    /** Events in one round: a batch for the hooks. */
    INTAKE_EVENTS = 64,
    /** Connections accepted in one round: the first waits for the batch to end, and what is left
     *  may be another worker's. */
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
    /** How long the peer may take to read the end of a response that is to be closed. */
    INTAKE_END_MS = 300 * 1000,
    /** After a refusal, how long the peer may take to close. */
    INTAKE_LINGER_MS = 2000,
    /** Out of descriptors or memory: accepting is tried again then, or when one is closed. */
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

/** A descriptor of intake_add_fd(). */
struct watcher {
    struct source source;
    int fd; /**< -1: removed, to be freed */
    void (*ready)(void *ctx, int fd);
    void *ctx;
    SLIST_ENTRY(watcher) link;
};

struct intake {
    struct intake_hooks hooks;
    struct reader_limits limits;
    struct returns returns;
    struct source wake_source;
    atomic_bool is_told_to_leave;
    bool is_in_batch; /**< hooks.batch_begin was called */

    /* Accepting. */
    struct source listen_source;
    int listen_fd;
    struct balance *balance; /**< NULL: nobody else listens */
    int balance_member;
    unsigned max_connections;
    struct peer_addresses *peer_addresses;
    bool is_listening;        /**< the socket is in the epoll set */
    uint64_t accept_retry_ns; /**< 0: paused until a connection is closed, or not paused */
    bool is_accept_paused;

    /* Connections. */
    LIST_HEAD(, connection) open;
    SLIST_HEAD(, connection) closed; /**< in this round */
    SLIST_HEAD(, connection) free;
    unsigned free_count;
    TAILQ_HEAD(ready_head, connection) ready; /**< to go on with in the next round */
    struct deadline_list deadlines[DEADLINE_COUNT];
    SLIST_HEAD(, watcher) watchers;
    bool has_removed_watchers;

    uint64_t request_counter;
    char id_prefix[16]; /**< "<pid>-" */
    size_t id_prefix_bytes;

    atomic_uint own_in_hand; /**< without `balance` */
    atomic_uint open_count;
    _Atomic uint64_t accepted_count, handed_over_count;

    uint8_t receive_buffer[INTAKE_RECEIVE_BYTES];
};

/* accept.c */
int intake_listen(struct intake *intake, struct error *err);
void intake_unlisten(struct intake *intake);
/** The listening socket is readable. */
void intake_accept(struct intake *intake);
/** Leave new connections to other workers, or not any more, by what each has in hand. */
void intake_update_balance(struct intake *intake);
/** A connection was closed, or time has passed: accept again if that was paused. */
void intake_resume_accepting(struct intake *intake);
/** Take on a connected, non-blocking socket. @return -1 out of memory: the socket is closed */
int intake_take_on(struct intake *intake, int fd, bool is_kept);

/* connections.c */
/** Go on with a connection that this thread owns, as far as it goes without waiting. */
void intake_advance(struct intake *intake, struct connection *connection);
/** epoll has reported something for a connection, whoever owns it. */
void intake_connection_event(struct intake *intake, struct connection *connection, uint32_t events);
/** A deadline has passed. */
void intake_connection_expired(struct intake *intake, struct connection *connection,
                               enum intake_deadline which);
/** Take what serving threads left. */
void intake_collect(struct intake *intake);
/** Make closed connections available again. Between two rounds of events only. */
void intake_reuse_closed(struct intake *intake);
/** intake_stop_accepting() for the connections there are. */
void intake_let_go_idle(struct intake *intake);

/** Close one that this thread owns. */
void intake_close(struct intake *intake, struct connection *connection);
/** Have epoll report what a connection waits for; it is closed when that fails. */
void intake_set_events(struct intake *intake, struct connection *connection, bool to_send);

/* step.c */
/** How far a look at what a connection holds has come. */
enum intake_step {
    STEP_MORE,  /**< bytes are needed */
    STEP_SEND,  /**< nothing to do before all is sent */
    STEP_AGAIN, /**< the mode has changed: look again */
    STEP_GONE,  /**< handed over or closed: not to be touched */
};
/** Do what its mode asks for with the bytes that are there. */
enum intake_step intake_step(struct intake *intake, struct connection *connection);
/** MODE_DRAIN is over: send END_REQUEST. @return STEP_AGAIN, or STEP_SEND: not yet */
enum intake_step intake_end_drained(struct connection *connection);
/** Send nothing more, discard what comes until the peer closes. @return STEP_AGAIN */
enum intake_step intake_linger(struct connection *connection);

/* intake.c */
/** Give a request to the hooks. */
void intake_call_hook(struct intake *intake, struct request *request);

#endif
