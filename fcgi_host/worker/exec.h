/**
 * `fcgi_host exec`: runs a file in the interpreter that serves an application, on a thread of its
 * own, so that it runs while every serving thread is busy or stuck.
 *
 * It counts as a use of that generation: one that is replaced meanwhile is drained with it, and
 * SystemExit is raised in it when drain_timeout_s is over, or when the command has gone.  Several
 * may run at a time: one may be needed to see why another hangs.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_EXEC_H
#define FCGI_HOST_WORKER_EXEC_H

struct applications;
struct channel_message;

/** CHANNEL_EXEC has come. @param message  its descriptor is taken over */
void exec_begin(const struct applications *applications, const struct channel_message *message);

#endif
