/**
 * What a new worker learns of the one that it is to replace: the modules that requests had imported
 * there (recycle/late_modules.h), so that a broken edit of one shows before the new worker serves.
 *
 * The supervisor gives the old worker one end of a pipe (CHANNEL_MODULES) and the new one the other
 * end at fork().  The old worker writes one record for each application and closes its end, also by
 * dying; nobody waits for the new one.
 *
 * @tstate none
 */
#ifndef FCGI_HOST_WORKER_PREDECESSOR_H
#define FCGI_HOST_WORKER_PREDECESSOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct applications;
struct error;
struct generation;

/* ---- The old worker ---- */

/**
 * Write what the generations that serve have loaded, on a thread of its own.  What cannot be
 * described is left out.
 * @param fd  taken over, and closed at the end; -1: nothing is done
 * @thread intake
 */
void predecessor_tell(const struct applications *applications, int fd);

/* ---- The new worker ---- */

struct predecessor {
    pthread_mutex_t lock;
    int fd;      /**< @lock; to read from; -1: it has been read, or there is none */
    char *bytes; /**< @lock; what was read */
    size_t size; /**< @lock */
};

/** @param fd  taken over; -1: there is no predecessor */
void predecessor_init(struct predecessor *predecessor, int fd);

/**
 * Import into a generation, which does not serve yet, what has changed of its applications' modules
 * since requests imported them in the old worker.  The first call waits for what the old worker
 * writes, for some seconds at most: then nothing is known of it.
 * @param timeout_ms  for the import
 * @return 0, or -1: as late_modules_import()
 * @thread any  @owns what was read stays as long as the process
 */
int predecessor_check(struct predecessor *predecessor, struct generation *generation,
                      unsigned timeout_ms, struct error *err);

#endif
