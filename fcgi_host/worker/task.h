/**
 * Tasks ([task NAME]): the supervisor says when one is to run, and this worker runs it in the
 * generation that serves its application, on a thread of its own.
 *
 * It counts as a use of that generation: one that is replaced meanwhile is drained with it, and
 * SystemExit is raised in it when drain_timeout_s is over.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_TASK_H
#define FCGI_HOST_WORKER_TASK_H

struct applications;
struct channel_end;
struct channel_message;

/** CHANNEL_TASK has come; CHANNEL_TASK_ENDED follows. @param supervisor  lives as long as the
 *  process */
void task_begin(const struct applications *applications, const struct channel_end *supervisor,
                const struct channel_message *message);

#endif
