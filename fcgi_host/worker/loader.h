/**
 * Loading one interpreter for the first time: build, check, publish, tell the outcome.
 */
#ifndef FCGI_HOST_WORKER_LOADER_H
#define FCGI_HOST_WORKER_LOADER_H

#include <semaphore.h>

struct channel_end;
struct libraries;
struct pool_interpreter;
struct pool_refusal;
struct predecessor;
struct recycle;
struct error;
struct wsgi_modules;

/** What a load needs; constant once loading has begun. */
struct loader {
    const struct channel_end *supervisor;
    struct recycle *recycle;         /**< NULL: no reloading in this process */
    struct predecessor *predecessor; /**< the worker that this one replaces (predecessor.h) */
    unsigned startup_timeout_ms;
    struct libraries *libraries; /**< told that everything has loaded; NULL: nobody */
    sem_t *has_loaded; /**< posted when loading.h is done with all interpreters, or NULL */
};

/**
 * Build an interpreter and publish it.  The supervisor gets CHANNEL_REFUSED if its extensions need
 * the main interpreter, then CHANNEL_FAILED or CHANNEL_APP_LOADED for each of its applications.
 * Blocks.
 * @thread any but intake  @tstate none
 */
void loader_load(const struct loader *loader, struct pool_interpreter *interpreter);

/** This process was forked from a template whose libraries do not fit: another one is to be started
 *  without.  @param memory  what was learnt of that  @thread generation  @tstate any */
void loader_tell_cold(const struct loader *loader, const struct error *why,
                      const struct wsgi_modules *memory);

/** An extension module has refused to be loaded into an interpreter that serves: its applications
 *  need another process.  @thread any */
void loader_tell_refused(const struct loader *loader, const struct pool_interpreter *interpreter,
                         const struct pool_refusal *refusal);
/** The same, if one refused while the generation that serves was loaded, and it loaded without. */
void loader_tell_met_refusal(const struct loader *loader, struct pool_interpreter *interpreter);

#endif
