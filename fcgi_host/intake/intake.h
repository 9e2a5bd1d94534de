/**
 * The intake thread: accepts connections, reads request headers, hands requests over, keeps idle
 * connections.  It never runs Python and never blocks on a peer.
 *
 * Follows: FastCGI 1.0 §3 (records), §4 (management records), §5 (requests).
 */
#ifndef FCGI_HOST_INTAKE_INTAKE_H
#define FCGI_HOST_INTAKE_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/request.h"
#include "pool/base/error.h"

struct intake;

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
     * An open connection without a request, after intake_stop_accepting(): give it to another
     * worker (intake_adopt_idle() there), so that the web server need not notice.  Optional.
     * @param fd  closed afterwards: to be duplicated or sent
     * @return whether another worker has it now; if not, a connection that has served a request is
     *         closed, another goes on waiting for one
     * @thread intake
     */
    bool (*bequeath)(void *ctx, int fd);
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
};

/** @return the intake, or NULL: ERR_USAGE (addresses), ERR_SYSTEM, ERR_MEMORY */
struct intake *intake_new(const struct intake_options *options, const struct intake_hooks *hooks,
                          struct error *err);
void intake_free(struct intake *intake);

/** Also call `ready` on the intake thread whenever `fd` is readable (signalfd, control …). */
int intake_add_fd(struct intake *intake, int fd, void (*ready)(void *ctx, int fd), void *ctx,
                  struct error *err);
void intake_remove_fd(struct intake *intake, int fd);

/** Loop until intake_stop() and, after it, until every connection is closed or the deadline. */
int intake_run(struct intake *intake, struct error *err);

/** Stop accepting; idle connections are bequeathed or closed, busy ones after their request.
 *  @thread intake (from a hook or fd callback) */
void intake_stop_accepting(struct intake *intake);
/** Accept every connection that waits now: before intake_stop_accepting(), when no other worker
 *  will. @thread intake (from a hook or fd callback) */
void intake_accept_waiting(struct intake *intake);
/** Take on a connection that was kept open by another intake (its bequeath hook).
 *  @param fd  non-blocking; taken over  @thread intake (from a hook or fd callback) */
void intake_adopt_idle(struct intake *intake, int fd);
/** Leave intake_run() now. @thread any; async-signal-safe */
void intake_stop(struct intake *intake);

/** Numbers for the status. @thread any */
struct intake_stats {
    uint64_t connections_accepted, requests;
    unsigned connections_open, connections_idle;
};
void intake_stats(struct intake *intake, struct intake_stats *ret_stats);

#endif
