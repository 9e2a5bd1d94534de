/**
 * A worker without its supervisor: it closes the listening socket first, then it dies at once.
 *
 * A spawner that sees its child killed starts another one, unless somebody still listens at the
 * socket: lighttpd then takes it for a server that is none of its own, and never spawns again.  A
 * process that is killed lets go of its memory before it closes its descriptors, so the kernel's
 * SIGKILL alone is too slow.  The lifeline (link/lifeline.h) comes before the spawner is told, the
 * signal with it.
 *
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_ORPHAN_H
#define FCGI_HOST_WORKER_ORPHAN_H

struct lifeline;

/**
 * From now on the end of the supervisor is the end of this process, and processes that applications
 * fork do not listen at the socket.
 * @param lifeline  NULL: the end is learnt of by a signal alone
 * @pre    the end of the supervisor kills this process already (PR_SET_PDEATHSIG)
 * @thread the worker's first, which lives as long as the process
 */
void orphan_start(int listen_fd, struct lifeline *lifeline);

/** Close the listening socket, if it is not closed. @thread any; async-signal-safe */
void orphan_close_listening(void);

/** The supervisor is gone. Does not return. @thread any; async-signal-safe */
_Noreturn void orphan_end(void);

#endif
