/**
 * Idle kept-open connections go from a worker that is replaced (the predecessor) to its replacement
 * (the successor).  Closing them would race with the web server's next request, which the web
 * server may not be able to repeat.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_IDLE_HANDOVER_H
#define FCGI_HOST_WORKER_IDLE_HANDOVER_H

#include <stdbool.h>

struct intake;

struct idle_handover {
    int successor_fd;      /**< where our idle connections go, once stopping; -1: nowhere */
    int predecessor_fd;    /**< where idle connections come from, until `intake` is set; -1: none */
    struct intake *intake; /**< NULL until idle_handover_attach() */
};

void idle_handover_init(struct idle_handover *handover);

/** Send an idle connection to the successor. @param fd  stays open here
 *  @return whether the successor has it now */
bool idle_handover_give(const struct idle_handover *handover, int fd);

/** Take on the idle connections that the predecessor sends over this socket. @owns `fd` */
void idle_handover_adopt(struct idle_handover *handover, int fd);

/** This worker serves from now on: connections go to `intake`. */
void idle_handover_attach(struct idle_handover *handover, struct intake *intake);

#endif
