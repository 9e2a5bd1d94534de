/**
 * The template of a process group: when one is made and remade, when workers are forked from it,
 * and why they are not.  It is an optimisation only: whatever is wrong with it, workers are forked
 * by the supervisor, and nothing is lost.
 *
 *   a worker has loaded, and the libraries are known → a while later one is made, beside the one
 *     that there may be → it is ready, and takes its place
 *   the other workers of a start wait for it, and the first one, too, where `preload` names what
 *     is imported (is_awaited) → it is made at once; they start as soon as it is ready, or is not
 *     to be had (settled)
 *   it must leave something out     → another one, without that
 *   it dies, or does not answer     → another one, later; after three in a row none
 *   a library's file has changed    → another one
 *   a worker of it cannot load (CHANNEL_COLD) → one that is forked without it says whether what it
 *     has does not fit: then another one, of what that worker tells; after three in a row none
 *   the configuration has changed, or where the application lives → none, until a worker has loaded
 *
 * There is one for a group with one application, in the main interpreter.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_TEMPLATE_H
#define FCGI_HOST_SUPERVISOR_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fcgi_host/link/worker_order.h"
#include "fcgi_host/supervisor/seat.h"

struct template;

struct template_options {
    struct loop *loop;
    const char *name;    /**< of the group; the caller's, as `seats` */
    struct seats *seats; /**< configuration, placement, what workers are started with */
    template_run_function *run;
    /** @return whether one may be made now: the group is not busy with a start */
    bool (*is_quiet)(void *ctx);
    bool (*has_room)(void *ctx);   /**< in the memory that the host may use */
    bool (*is_awaited)(void *ctx); /**< workers are to be forked from it: make it at once */
    void (*settled)(void *ctx);    /**< it need not be awaited: it is ready, or will not be soon */
    void *ctx;
};

/** @return NULL: ERR_MEMORY @owns the caller */
struct template *template_new(const struct template_options *options, struct error *err);
/** Kill it, and wait for that. NULL is fine. */
void template_free(struct template *template);

/** Make one before any worker has loaded. @return whether that can be tried; then `settled` comes
 */
bool template_make_first(struct template *template);
/** @return whether one is being made or is to be, and there is none yet */
bool template_is_coming(const struct template *template);

/** A worker has loaded under the configuration in effect. */
void template_worker_loaded(struct template *template, bool is_warm);
/** A worker has told what libraries its application has imported. @param bytes  taken over */
void template_learn(struct template *template, char *bytes, size_t size);
/** One that was forked without it has loaded, but for its application. */
void template_worker_failed(struct template *template);
/** What is imported ahead may not fit: a worker that was forked from it could not load.  The next
 * one
 *  is to be forked without; if that loads, it was so; if that fails, too, it is the application's
 *  code.
 *  @param why  for people
 *  @param memory_fd  a memory file with what was learnt of that; closed; -1: nothing */
void template_misfit(struct template *template, const char *why, int memory_fd);
/** Whatever was made is of no use any more, and what was learnt is not known to be right. */
void template_forget(struct template *template, const char *why);
/** The group falls asleep: keep it, if memory has room for the worker that it is for. */
void template_asleep(struct template *template);
/** Give it back, of a group that is asleep: memory is short. */
void template_give_back(struct template *template);
/** Make no other one: the group ends. */
void template_close(struct template *template);

/** @return whether a worker with this configuration can be forked from it */
bool template_fits(struct template *template, const struct config *config);
/** @pre template_fits()  @return the worker's process id; -1: it is to be forked without */
pid_t template_fork(struct template *template, const struct worker_order *order, struct error *err);
/** @return why workers are forked without one; "" */
const char *template_why(const struct template *template);

/** A process has ended. @return whether it was a template of this group */
bool template_reap(struct template *template, pid_t pid, int wait_status);

/** Let it write to a log that was opened again. @param name  of the log_target
 *  @param fd  stays open here */
void template_use_log(const struct template *template, const char *name, int fd);

/** For the status. @return the process id of the one that workers are forked from; 0: none */
pid_t template_pid(const struct template *template);
/** @return the modules that it has imported */
unsigned template_modules(const struct template *template);

#endif
