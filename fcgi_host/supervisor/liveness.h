/**
 * Workers that as a whole do not answer (SIGSTOP, a file system that hangs) are killed after
 * stuck_timeout_s, so that another takes their place.
 *
 * Every worker that serves, or is to stop accepting, is asked by CHANNEL_PING, which its intake
 * thread answers, but only while there is reason to: connections have come, requests are in hand,
 * or a command waits for workers. On an idle host nothing is asked: a connection that comes then is
 * the next reason.
 *
 * A worker that is traced (a debugger has stopped it) is left alone.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_LIVENESS_H
#define FCGI_HOST_SUPERVISOR_LIVENESS_H

#include "fcgi_host/supervisor/seat.h"

struct liveness;

/** @param seats      the caller's, valid as long as the liveness
 *  @param listen_fd  duplicated; -1: none
 *  @return NULL: ERR_MEMORY */
struct liveness *liveness_new(struct seats *seats, int listen_fd, struct error *err);
/** NULL is fine. */
void liveness_free(struct liveness *liveness);

/** Something waits for workers: see whether they answer. */
void liveness_suspect(struct liveness *liveness);
/** CHANNEL_PONG has come. */
void liveness_answered(struct worker_process *process);
/** The host stops: let go of the listening socket. Workers that are to end are still asked. */
void liveness_close_listening(struct liveness *liveness);

#endif
