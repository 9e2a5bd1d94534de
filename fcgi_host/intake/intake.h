/**
 * The intake thread: accepts connections, reads request headers, hands requests over, keeps idle
 * connections.  It never runs Python and never blocks on a peer.
 *
 * Follows: FastCGI 1.0 §3 (records), §4 (management records), §5 (requests).
 */
#ifndef FCGI_HOST_INTAKE_INTAKE_H
#define FCGI_HOST_INTAKE_INTAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/passing.h"
#include "pool/base/error.h"

struct intake;

enum bequeath_result {
    BEQUEATH_PASSED,  /**< another worker has it */
    BEQUEATH_LATER,   /**< the other worker does not take it now: intake_bequeath_rest() */
    BEQUEATH_REFUSED, /**< no other worker takes it */
};

/** Another process that requests can be passed to, beside the one that takes over (hooks.bequeath);
 *  the first member of a struct of the caller's. */
struct intake_heir {
    /** As hooks.bequeath. @thread intake */
    enum bequeath_result (*give)(struct intake_heir *heir,
                                 const struct passed_connection *connection);
};

struct intake_hooks {
    void *ctx;
    /**
     * A request's header is complete: route it and hand it over, or answer it in place with
     * request_send() and request_finish().
     * @thread intake
     */
    void (*request)(void *ctx, struct request *request);
    /** Before and after a batch of `request` calls (pool_batch_begin/end). Optional. */
    void (*batch_begin)(void *ctx);
    void (*batch_end)(void *ctx);
    /**
     * An open connection on which no request is under way: pass it to another worker
     * (intake_adopt() there), so that the web server need not notice.  Optional: BEQUEATH_REFUSED.
     * Called after intake_stop_accepting(), and by intake_bequeath_request().
     * @param connection  descriptor and bytes stay the intake's
     * @return BEQUEATH_REFUSED: an idle connection that has served a request is closed, another
     *         goes on here
     * @thread intake
     */
    enum bequeath_result (*bequeath)(void *ctx, const struct passed_connection *connection);
    /** Something has come for a request that is watched (request_watch_client()), or its peer has
     *  closed.  Optional.  @thread intake */
    void (*client_event)(void *ctx);
};

struct balance;

struct intake_options {
    int listen_fd; /**< non-blocking; the caller's; -1: none */
    /** Other processes accept from it as well; NULL: none. */
    struct balance *balance;
    int balance_member;
    /** Without a balance: where to count the requests that threads have, or will have; zero at
     *  first, outlives the intake; NULL: nobody else looks. */
    atomic_uint *in_hand;
    unsigned max_connections; /**< told to FCGI_GET_VALUES; beyond it accepting pauses */
    unsigned max_requests;
    unsigned header_timeout_ms;   /**< a header must be complete by then */
    uint32_t max_header_bytes;    /**< of all PARAMS together */
    const char *web_server_addrs; /**< FCGI_WEB_SERVER_ADDRS or NULL */
    /** A small body, which is awaited before the request is handed over, must be complete by then;
     *  0: 300,000 (64 KiB in that time are 220 bytes a second). */
    unsigned body_timeout_ms;
    /** The rest of FCGI_STDIN that the application did not read must be there by then; otherwise
     *  the request is ended and the connection closed. 0: 30,000. */
    unsigned drain_timeout_ms;
    bool is_paused; /**< as after intake_pause_accepting() */
};

/** @return the intake, or NULL: ERR_USAGE (addresses), ERR_SYSTEM, ERR_MEMORY */
struct intake *intake_new(const struct intake_options *options, const struct intake_hooks *hooks,
                          struct error *err);
void intake_free(struct intake *intake);

/** Also call `ready` on the intake thread whenever `fd` is readable (signalfd, control …). */
int intake_add_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                  struct error *err);
void intake_remove_fd(struct intake *intake, int fd);
/** As intake_add_fd(), but called once for each change: for a descriptor that nobody reads. */
int intake_add_edge_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                       struct error *err);
/** As intake_add_fd(), for a descriptor that other processes wait for as well: not all are woken.
 */
int intake_add_shared_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                         struct error *err);

/** Go to the end of the line of those that wait for a shared descriptor. */
void intake_requeue_fd(struct intake *intake, int fd);

/** Loop until intake_stop() and, after it, until every connection is closed or the deadline. */
int intake_run(struct intake *intake, struct error *err);

/** The same whenever `fd` can be written to. intake_remove_fd() */
int intake_add_writable_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd),
                           void *ctx, struct error *err);

/** Stop accepting; connections are bequeathed or, when idle, closed; those with a request under
 *  way after it.  @thread intake (from a hook or fd callback) */
void intake_stop_accepting(struct intake *intake);
/** Leave new connections to other workers for a time, or accept again.
 *  @thread intake (from a hook or fd callback) */
void intake_pause_accepting(struct intake *intake, bool is_paused);
/** Accept every connection that waits now: before intake_stop_accepting(), when no other worker
 *  will. @thread intake (from a hook or fd callback) */
void intake_accept_waiting(struct intake *intake);
/**
 * Bequeath a request that was handed over and that no thread has begun to serve.
 * @return whether its connection leaves, and the request is gone; false: it is the caller's as
 *         before
 * @thread intake (from a hook or fd callback)
 */
bool intake_bequeath_request(struct intake *intake, struct request *request);
/** The same to another process; also from `request`, before the request is handed over.
 *  @param heir  valid until intake_pass_rest() returns false after a BEQUEATH_LATER */
bool intake_pass_request(struct intake *intake, struct request *request, struct intake_heir *heir);
/** Offer again what the hook has put off. @return whether some connections still wait
 *  @thread intake (from a hook or fd callback) */
bool intake_bequeath_rest(struct intake *intake);
/** The same for what the heir has put off; what it refuses goes to the hook `request` again. */
bool intake_pass_rest(struct intake *intake, struct intake_heir *heir);
/** @return how many connections wait for the heir; at most `most` are counted */
unsigned intake_count_waiting(const struct intake *intake, const struct intake_heir *heir,
                              unsigned most);
/** Take on a connection of another intake (its bequeath hook), and go on with what was read there.
 *  @param connection  its descriptor, non-blocking, is taken over; its bytes are copied
 *  @thread intake (from a hook or fd callback) */
void intake_adopt(struct intake *intake, const struct passed_connection *connection);
/**
 * After intake_stop_accepting(): do not leave intake_run() for want of connections until
 * intake_release(), since others may still be taken on.
 * @param dry  called once, when every connection that is left is being served: no more requests
 *             come over connections that were accepted here
 * @thread intake (from a hook or fd callback)
 */
void intake_hold(struct intake *intake, void (*dry)(void *ctx), void *ctx);
void intake_release(struct intake *intake);
/** Leave intake_run() now. @thread any; async-signal-safe */
void intake_stop(struct intake *intake);

/** Numbers for the status. @thread any */
struct intake_stats {
    uint64_t connections_accepted, requests;
    unsigned connections_open, connections_idle;
};
void intake_stats(struct intake *intake, struct intake_stats *ret_stats);

#endif
