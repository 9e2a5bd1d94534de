/**
 * What a worker that has ended left behind: its threads' lines in the scoreboard, and the Python
 * stack that faulthandler wrote.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_LAST_WORDS_H
#define FCGI_HOST_SUPERVISOR_LAST_WORDS_H

#include <stddef.h>

#include "fcgi_host/supervisor/worker_process.h"

/** The application that it was loading when it ended, or NULL. Valid as long as the process. */
const char *last_words_loading(const struct worker_process *process);

/**
 * The application whose request it died of, or NULL: that is not known.  A worker that ended
 * without a signal died of its only request, or of its requests of one application.
 * @param wait_status  of waitpid()  @return valid as long as the process
 */
const char *last_words_culprit(const struct worker_process *process, int wait_status);

/**
 * Log [worker.crashed]: how it ended, what its threads were doing, the Python stack.
 * @param wait_status  of waitpid()
 * @param ret_why      one line for the status
 */
void last_words_log(const struct worker_process *process, int wait_status, char *ret_why,
                    size_t why_bytes);

#endif
