/**
 * Signals that must not end a worker.
 *
 * @thread the first, before others are started  @tstate any
 */
#ifndef FCGI_HOST_WORKER_SIGNALS_H
#define FCGI_HOST_WORKER_SIGNALS_H

/**
 * The supervisor acts on these signals and tells its workers, but a terminal or service manager
 * sends them to the whole process group; a timer that an extension has set must not end the
 * requests of all applications either.  They get a handler, not SIG_IGN, which programs that
 * applications start would inherit.
 */
void signals_leave_to_supervisor(void);

#endif
