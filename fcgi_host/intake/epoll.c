/* What the intake thread does to a connection's socket. */
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/intake/intake_internal.h"

void intake_unregister(struct intake *intake, struct intake_connection *c) {
    if (c->base.is_registered) {
        epoll_ctl(intake->returns.epoll_fd, EPOLL_CTL_DEL, c->base.fd, NULL);
        c->base.is_registered = false;
        c->waits_to_send = false;
    }
}

void intake_close(struct intake *intake, struct intake_connection *c) {
    deadline_stop(&c->deadline);
    if (c->is_ready) {
        TAILQ_REMOVE(&intake->connections.ready, c, ready_link);
        c->is_ready = false;
    }
    intake_unregister(intake, c);
    connection_close_fd(&c->base);
    SLIST_INSERT_HEAD(&intake->connections.closed, c, free_link);
}

void intake_set_events(struct intake *intake, struct intake_connection *c, bool to_send) {
    if (c->base.is_registered && c->waits_to_send == to_send) {
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET |
                                          (to_send ? (uint32_t)EPOLLOUT : 0u),
                                .data.ptr = &c->base.source};
    int operation = c->base.is_registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(intake->returns.epoll_fd, operation, c->base.fd, &event) < 0) {
        intake_close(intake, c);
        return;
    }
    c->base.is_registered = true;
    c->waits_to_send = to_send;
}
