/**
 * The supervisor: the process that the spawner sees.  It owns the listening socket, starts
 * workers (worker.h), replaces and restarts them, and never starts Python itself, so that no
 * extension module can take it down.
 *
 *   - A crashed worker is started again, at once if it had served (fleet_end.c, backoff.h); one
 * that does not answer is killed first (liveness.h).
 *   - A *worker replacement*: a new worker loads every application; then the old one stops
 *     accepting, finishes its requests and ends.  A new worker that does not come up is killed, and
 *     the old one stays (replacement.h).
 *   - What one worker learnt of an application (it must live in the main interpreter, it kills its
 *     worker) is applied in the next (placement.h).
 *
 * Signals: fcgi_host(8).
 *
 * @thread the process's only one
 * @tstate none; Python is never started in this process
 */
#ifndef FCGI_HOST_SUPERVISOR_SUPERVISOR_H
#define FCGI_HOST_SUPERVISOR_SUPERVISOR_H

#include <signal.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/link/rehearsal.h"
#include "fcgi_host/link/worker_start.h"
#include "fcgi_host/supervisor/listener.h"

/** All is the caller's, valid until supervisor_run() returns. */
struct supervisor_options {
    struct config *config;
    struct listener *listener; /**< closed (listener_close()) when the host begins to stop */
    int argc;                  /**< as given to main(): SIGHUP reads the configuration again */
    char **argv;
    worker_run_function *run_worker;     /**< what a forked worker runs */
    template_run_function *run_template; /**< and what workers are forked from */
    rehearse_function *rehearse;         /**< what a process that tries an application runs */
    const char *python_version;          /**< for the status: the workers' Python */
    sigset_t mask_before;                /**< of supervisor_block_signals(); workers get it back */
};

/** Block the signals that the supervisor reads.  Called before the listening socket exists: a
 *  program that can connect may send a signal, which waits for the supervisor's loop. */
void supervisor_block_signals(sigset_t *ret_before);

/**
 * Serve until told to stop.  The log must be open.
 * @return the process's exit status: 0 stopped as asked, 1 could not start or run (already logged)
 */
int supervisor_run(const struct supervisor_options *options);

#endif
