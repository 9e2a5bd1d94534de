/**
 * A process that workers are forked from (worker/template.h), as the supervisor sees it.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_TEMPLATE_PROCESS_H
#define FCGI_HOST_SUPERVISOR_TEMPLATE_PROCESS_H

#include <sys/types.h>

#include "fcgi_host/link/worker_order.h"
#include "fcgi_host/supervisor/loop.h"
#include "fcgi_host/supervisor/worker_process.h"

struct template_process {
    pid_t pid;
    struct loop_source channel; /**< orders and answers; to be watched by the owner */
    void *owner;                /**< the owner's */
    int memory_fd; /**< what it has learnt when it found itself of no use; -1: nothing */
};

/** What a template imports: bytes that only workers read. */
struct library_list {
    char *bytes; /**< malloc'ed; NULL: none */
    size_t size;
};

/**
 * Fork.  From now on this process adopts orphans (PR_SET_CHILD_SUBREAPER), which workers are.
 * @param start  as for its workers; descriptors come with each order
 * @param list   NULL: what the configuration names
 * @param memory what was learnt of it; without bytes: nothing
 * @return the process (its channel not watched yet), or NULL: ERR_SYSTEM, ERR_MEMORY
 * @owns   the caller: template_process_end()
 */
struct template_process *template_process_start(const struct worker_process_start *start,
                                                const struct library_list *list,
                                                const struct library_list *memory,
                                                template_run_function *run, struct error *err);

/**
 * Have a worker forked, and wait for it.
 * @return its process id, a child of this process; or -1: ERR_TIMEOUT (not in time: the template
 * was
 *         killed), ERR_FAILED (this one is of no use any more: the text says why), ERR_CLOSED (it
 *         has ended), ERR_EXHAUSTED, ERR_SYSTEM, ERR_MEMORY
 */
pid_t template_process_fork(struct template_process *process, const struct worker_order *order,
                            unsigned timeout_ms, struct error *err);

/** Let it write to another log. @param fd  stays open here */
void template_process_use_log(const struct template_process *process, const char *name, int fd);

/** Kill it and free this; SIGCHLD tells of its end. NULL is fine. */
void template_process_end(struct template_process *process);
/** The same, and wait until it has ended: not longer than a second. */
void template_process_end_now(struct template_process *process);

#endif
