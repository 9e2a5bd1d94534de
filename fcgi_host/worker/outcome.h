/**
 * The outcome of loading an application at start-up, or of loading a script: kept in the
 * application, told to the supervisor, logged.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_WORKER_OUTCOME_H
#define FCGI_HOST_WORKER_OUTCOME_H

struct application;
struct channel_end;
struct error;
struct generation;

/** The application does not serve, because of `err`: CHANNEL_FAILED, [app.failed]. */
void outcome_failed(const struct channel_end *supervisor, struct application *application,
                    const struct error *err);

/** The application serves from this generation: CHANNEL_APP_LOADED, [app.loaded]. */
void outcome_loaded(const struct channel_end *supervisor, struct application *application,
                    const struct generation *generation);

#endif
