/**
 * The supervisor's messages, and what a worker does about them.
 */
#ifndef FCGI_HOST_WORKER_MESSAGES_H
#define FCGI_HOST_WORKER_MESSAGES_H

struct worker;

/** Read and obey all that the supervisor has sent.  Ends the process when the supervisor is gone.
 *  @thread intake (before intake_run(): the worker's first thread)  @tstate none */
void messages_read(struct worker *worker);

#endif
