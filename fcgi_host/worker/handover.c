#include "fcgi_host/worker/handover.h"

#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/worker/submit.h"
#include "pool/pool.h"

/** A worker that this one replaces, until that worker has ended. */
struct predecessor {
    struct handover *handover;
    int fd;
    SLIST_ENTRY(predecessor) link;
};

void handover_init(struct handover *handover) {
    *handover = (struct handover){.successor_fd = -1};
    SLIST_INIT(&handover->predecessors);
}

/* ---- To the successor ---- */

static void forget_successor(struct handover *handover) {
    if (handover->is_put_off) {
        intake_remove_fd(handover->intake, handover->successor_fd);
        handover->is_put_off = false;
    }
    close(handover->successor_fd);
    handover->successor_fd = -1;
}

void handover_set_successor(struct handover *handover, int fd) {
    if (handover->successor_fd >= 0) {
        forget_successor(handover);
    }
    handover->successor_fd = fd;
    handover->awaits_successor = false;
    if (handover->intake) {
        intake_bequeath_rest(handover->intake); /* what the successor before has not taken */
    }
}

void handover_give_up(struct handover *handover) {
    if (handover->awaits_successor) {
        handover->awaits_successor = false;
        intake_bequeath_rest(handover->intake);
    }
}

/** The successor can take more, or is gone. */
static void give_rest(void *ctx, int fd) {
    struct handover *handover = ctx;
    if (!intake_bequeath_rest(handover->intake) && handover->is_put_off) {
        handover->is_put_off = false;
        intake_remove_fd(handover->intake, fd);
    }
}

/** @return whether give_rest() will be called */
static bool put_off(struct handover *handover) {
    if (!handover->is_put_off) {
        handover->is_put_off = intake_add_writable_fd(handover->intake, handover->successor_fd,
                                                      give_rest, handover, NULL) == 0;
    }
    return handover->is_put_off;
}

enum bequeath_result handover_give(struct handover *handover,
                                   const struct passed_connection *connection) {
    struct error err;
    if (handover->successor_fd < 0) {
        return handover->awaits_successor ? BEQUEATH_LATER : BEQUEATH_REFUSED;
    }
    if (passing_send(handover->successor_fd, connection, &err) == 0) {
        return BEQUEATH_PASSED;
    }
    if (err.code == ERR_BUSY && put_off(handover)) {
        return BEQUEATH_LATER;
    }
    if (err.code == ERR_CLOSED) {
        forget_successor(handover);
    } else {
        log_line(LOG_WARN, "worker.channel", NULL, "a connection stays here: %s", err.text);
    }
    return BEQUEATH_REFUSED;
}

static bool bequeath(void *ctx, struct request *request) {
    const struct handover *handover = ctx;
    return handover->intake && intake_bequeath_request(handover->intake, request);
}

void handover_give_requests(struct handover *handover, struct pool *pool) {
    bool has_successor = handover->successor_fd >= 0;
    submit_again(pool_take_waiting(pool, !has_successor), bequeath, handover);
}

/* ---- From predecessors ---- */

static void take_connections(void *ctx, int fd) {
    struct predecessor *predecessor = ctx;
    struct handover *handover = predecessor->handover;
    struct passed_connection connection;
    struct error err;
    while (passing_receive(fd, &connection, &err) == 0) {
        intake_adopt(handover->intake, &connection);
        free(connection.bytes);
    }
    if (err.code == ERR_BUSY) {
        return;
    }
    if (err.code != ERR_CLOSED) {
        log_line(LOG_WARN, "worker.channel", NULL, "connections are lost: %s", err.text);
    }
    intake_remove_fd(handover->intake, fd);
    close(fd);
    SLIST_REMOVE(&handover->predecessors, predecessor, predecessor, link);
    free(predecessor);
}

static void attach_predecessor(struct handover *handover, struct predecessor *predecessor) {
    struct error err;
    if (intake_add_fd(handover->intake, predecessor->fd, take_connections, predecessor, &err)) {
        log_line(LOG_WARN, "worker.channel", NULL, "connections are lost: %s", err.text);
    }
}

void handover_adopt(struct handover *handover, int fd) {
    struct predecessor *predecessor = malloc(sizeof *predecessor);
    if (!predecessor) {
        log_line(LOG_WARN, "worker.channel", NULL, "connections are lost: out of memory");
        close(fd);
        return;
    }
    *predecessor = (struct predecessor){.handover = handover, .fd = fd};
    SLIST_INSERT_HEAD(&handover->predecessors, predecessor, link);
    if (handover->intake) {
        attach_predecessor(handover, predecessor);
    }
}

void handover_attach(struct handover *handover, struct intake *intake) {
    struct predecessor *predecessor;
    handover->intake = intake;
    SLIST_FOREACH(predecessor, &handover->predecessors, link) {
        attach_predecessor(handover, predecessor);
    }
}
