/**
 * The WSGI side: load an application object, call it for a request.
 *
 * Follows: PEP 3333.
 */
#ifndef FCGI_HOST_WSGI_WSGI_H
#define FCGI_HOST_WSGI_WSGI_H

#include "fcgi_host/app/application.h"
#include "fcgi_host/fastcgi/request.h"
#include "pool/pool.h"

/** PyInit of the module `fcgi_host` that applications import; for runtime_options.builtins. */
void *wsgi_module_init(void);

/** How this process serves, for wsgi.multiprocess and fcgi_host.info(). Set before any load. */
struct wsgi_process {
    bool multiprocess; /**< other workers serve the same applications */
    const char *version;
};
void wsgi_set_process(const struct wsgi_process *process);

/**
 * Told of every file outside of the standard library that an import is about to read.
 * Set before any load.  @thread generation   @tstate attached: must be quick, must not block
 */
struct wsgi_file_hook {
    void (*reads)(void *ctx, struct pool_interpreter *interpreter, uint64_t generation,
                  const char *path);
    void *ctx;
};
void wsgi_set_file_hook(const struct wsgi_file_hook *hook);

/**
 * Ask an application for a page, as a web server on this machine would (GET, no body).
 * @param loaded  what wsgi_load() returned, of the generation whose interpreter is attached
 * @return 0 for a status below 400, or -1: ERR_FAILED (the status), ERR_PYTHON (an exception)
 * @tstate attached; runs the application
 */
int wsgi_check(void *loaded, const char *path, struct error *err);

/* The pool's hooks (pool.h); ctx unused. pool_app_user() must be a struct application. */
int wsgi_setup(void *ctx, struct generation *generation, struct error *err);
int wsgi_load(void *ctx, struct generation *generation, struct pool_app *app, void **ret_loaded,
              struct error *err);
void wsgi_unload(void *ctx, struct generation *generation, struct pool_app *app, void *loaded);
void wsgi_retiring(void *ctx, struct generation *generation);

/** job->run for a request: build environ, call the application, send, finish. @tstate attached */
void wsgi_run(struct job *job, const struct lease *lease);

#endif
