/**
 * The WSGI side: load an application object, call it for a request.
 *
 * Follows: PEP 3333.
 */
#ifndef FCGI_HOST_WSGI_H
#define FCGI_HOST_WSGI_H

#include "fcgi_host/application.h"
#include "fcgi_host/request.h"
#include "pool/pool.h"

/** PyInit of the module `fcgi_host` that applications import; for runtime_options.builtins. */
void *wsgi_module_init(void);

/** How this process serves, for wsgi.multiprocess and fcgi_host.info(). Set before any load. */
struct wsgi_process {
    bool multiprocess; /**< other workers serve the same applications */
    const char *version;
};
void wsgi_set_process(const struct wsgi_process *process);

/* The pool's hooks (pool.h); ctx unused. pool_app_user() must be a struct application. */
int wsgi_setup(void *ctx, struct generation *generation, struct error *err);
int wsgi_load(void *ctx, struct generation *generation, struct pool_app *app, void **ret_loaded,
              struct error *err);
void wsgi_unload(void *ctx, struct generation *generation, struct pool_app *app, void *loaded);
void wsgi_retiring(void *ctx, struct generation *generation);

/** job->run for a request: build environ, call the application, send, finish. @tstate attached */
void wsgi_run(struct job *job, const struct lease *lease);

#endif
