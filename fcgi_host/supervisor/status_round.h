/**
 * The status of the whole host: every worker is asked for its part, and the askers get the
 * document.  There is one round at a time: a question that comes meanwhile is answered by the next.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_STATUS_ROUND_H
#define FCGI_HOST_SUPERVISOR_STATUS_ROUND_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/supervisor/groups.h"
#include "fcgi_host/supervisor/loop.h"
#include "pool/base/error.h"

struct status_round;
struct tasks;

/** @param number  as given to status_round_ask()  @param text  the document, during the call */
typedef void status_answer(void *ctx, uint64_t number, const char *text, size_t bytes);

/** @param python_version  the workers'; valid as long as the round
 *  @return NULL with ERR_MEMORY */
struct status_round *status_round_new(struct loop *loop, const char *python_version,
                                      struct error *err);
/** The groups to ask, and the tasks to tell of, made after it. */
void status_round_set_groups(struct status_round *round, struct groups *groups,
                             const struct tasks *tasks);
void status_round_free(struct status_round *round);

/** `answer` is called once, later, unless status_round_forget(ctx) comes before. */
void status_round_ask(struct status_round *round, status_answer *answer, void *ctx,
                      uint64_t number);
void status_round_forget(struct status_round *round, void *ctx);

/** A worker's part has come. @param text  malloc'ed, taken over */
void status_round_part(struct status_round *round, struct worker_process *process, uint64_t number,
                       char *text);
/** A worker has ended, and is no longer in the fleet's list: its part will not come. */
void status_round_gone(struct status_round *round, struct worker_process *process);

#endif
