/**
 * The tasks of a host ([task NAME]): each runs when its time has come, in one worker that serves
 * its application, and never twice at a time.
 *
 * A task whose application serves nowhere at its time runs as soon as it does; a process group that
 * is asleep is woken for it.  A task that still runs at its next time is left out then
 * ([task.late]).  A worker that ends while it runs a task is the end of that run.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_TASKS_H
#define FCGI_HOST_SUPERVISOR_TASKS_H

#include "fcgi_host/base/json.h"
#include "fcgi_host/supervisor/groups.h"

struct tasks;

/** @param groups  as long as the tasks  @return none yet; NULL: ERR_MEMORY */
struct tasks *tasks_new(struct loop *loop, struct groups *groups, struct error *err);
/** NULL is fine. */
void tasks_free(struct tasks *tasks);

/** Those of a configuration are to run from now on: what has not changed keeps its times. */
void tasks_configure(struct tasks *tasks, const struct config *config);
/** None begins any more. */
void tasks_stop(struct tasks *tasks);

/** CHANNEL_TASK_ENDED has come. */
void tasks_ended(struct tasks *tasks, const struct worker_process *process,
                 const struct channel_message *message);
/** A worker is about to be freed. */
void tasks_process_gone(struct tasks *tasks, const struct worker_process *process);
/** Some application may serve now that did not. */
void tasks_try_again(struct tasks *tasks);

/** The status document's "tasks". */
void tasks_write(const struct tasks *tasks, struct json_writer *json);

#endif
