/* Connections on which no request is under way go to another worker, with what was read. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "fcgi_host/intake/intake_internal.h"

static bool may_go(const struct intake_connection *c) {
    return c->base.mode == MODE_RECEIVE && !c->base.is_eof && !c->base.is_gone &&
           !connection_has_to_send(&c->base) && record_reader_can_unread(&c->base.reader);
}

/** @param heir  NULL: the one of hooks.bequeath */
static enum bequeath_result offer(struct intake *intake, struct intake_connection *c,
                                  struct intake_heir *heir) {
    const struct intake_hooks *hooks = &intake->requests.hooks;
    struct passed_connection offered = {.fd = c->base.fd, .is_kept = c->is_kept};
    if ((!heir && !hooks->bequeath) || !may_go(c)) {
        return BEQUEATH_REFUSED;
    }
    offered.bytes = record_reader_unread(&c->base.reader, &offered.size);
    if (!offered.bytes) {
        return BEQUEATH_REFUSED;
    }
    enum bequeath_result result =
        heir ? heir->give(heir, &offered) : hooks->bequeath(hooks->ctx, &offered);
    free(offered.bytes);
    return result;
}

/* The other worker does not take it yet: nobody reads from it meanwhile. */
static void put_off(struct intake *intake, struct intake_connection *c, struct intake_heir *heir) {
    deadline_stop(&c->deadline);
    intake_unregister(intake, c);
    c->is_leaving = true;
    c->heir = heir;
    TAILQ_INSERT_TAIL(&intake->connections.leaving, c, leaving_link);
}

static void let_go(struct intake *intake, struct intake_connection *c, struct intake_heir *heir,
                   enum bequeath_result result) {
    if (result == BEQUEATH_LATER) {
        put_off(intake, c, heir);
    } else {
        intake_close(intake, c);
    }
}

bool intake_bequeath(struct intake *intake, struct intake_connection *c) {
    enum bequeath_result result = offer(intake, c, NULL);
    if (result == BEQUEATH_REFUSED) {
        return false;
    }
    let_go(intake, c, NULL, result);
    return true;
}

bool intake_bequeath_request(struct intake *intake, struct request *request) {
    return intake_pass_request(intake, request, NULL);
}

bool intake_pass_request(struct intake *intake, struct request *request, struct intake_heir *heir) {
    struct intake_connection *c = intake_connection_of(connection_of(request));
    enum bequeath_result result = offer(intake, c, heir);
    if (result == BEQUEATH_REFUSED) {
        return false;
    }
    if (heir) { /* the other process counts it */
        atomic_fetch_sub_explicit(&intake->requests.given_count, 1, memory_order_relaxed);
    }
    free(request->path_storage);
    request->path_storage = NULL;
    deference_end(&intake->returns.deference);
    atomic_store(&c->base.owner, OWNER_INTAKE);
    c->has_request = true;
    let_go(intake, c, heir, result);
    return true;
}

/* The other worker is gone: go on as if it had never been there. */
static void keep(struct intake *intake, struct intake_connection *c) {
    if (c->has_request) {
        c->has_request = false;
        intake_give_to_server(intake, c);
    } else {
        c->may_be_readable = true;
        intake_advance(intake, c);
    }
}

bool intake_bequeath_rest(struct intake *intake) {
    return intake_pass_rest(intake, NULL);
}

bool intake_pass_rest(struct intake *intake, struct intake_heir *heir) {
    struct intake_connection *c, *next;
    for (c = TAILQ_FIRST(&intake->connections.leaving); c; c = next) {
        next = TAILQ_NEXT(c, leaving_link);
        if (c->heir != heir) {
            continue;
        }
        enum bequeath_result result = offer(intake, c, heir);
        if (result == BEQUEATH_LATER) {
            return true;
        }
        TAILQ_REMOVE(&intake->connections.leaving, c, leaving_link);
        c->is_leaving = false;
        if (result == BEQUEATH_PASSED) {
            intake_close(intake, c);
        } else {
            keep(intake, c);
        }
    }
    return false;
}

unsigned intake_count_waiting(const struct intake *intake, const struct intake_heir *heir,
                              unsigned most) {
    const struct intake_connection *c;
    unsigned count = 0;
    TAILQ_FOREACH(c, &intake->connections.leaving, leaving_link) {
        count += c->heir == heir;
        if (count == most) {
            break;
        }
    }
    return count;
}

void intake_let_go(struct intake *intake) {
    struct intake_connection *c, *next;
    for (c = LIST_FIRST(&intake->connections.open); c; c = next) {
        next = LIST_NEXT(c, open_link);
        /* A connection that is being served is looked at when it comes back by way of `returns`. */
        if (connection_note_edge(&c->base, false) && c->base.fd >= 0 && !c->is_leaving &&
            !c->is_ready && c->base.mode == MODE_RECEIVE) {
            c->may_be_readable = true; /* if it stays, a request that has arrived is served */
            intake_advance(intake, c);
        }
    }
}

void intake_adopt(struct intake *intake, const struct passed_connection *connection) {
    intake_take_on(intake, connection->fd, connection);
}
