/**
 * The WSGI side: makes an interpreter ready, loads application objects, calls them for requests.
 * The only header of wsgi/ that other rooms use.
 *
 * Life cycle in one generation: 1. wsgi_setup(); 2. wsgi_load() for each application;
 * 3. wsgi_run() for each request; 4. wsgi_retire(); 5. wsgi_unload() for each application.
 *
 * Follows: PEP 3333.
 */
#ifndef FCGI_HOST_WSGI_WSGI_H
#define FCGI_HOST_WSGI_WSGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/cgi/live_page.h"
#include "fcgi_host/config/config.h"
#include "pool/pool.h"

struct request;

/** PyInit of the module `fcgi_host` that applications import; for runtime_options.builtins. */
void *wsgi_module_init(void);

/** How this process serves, for wsgi.multiprocess and fcgi_host.info(). Set before any load. */
struct wsgi_process {
    bool multiprocess; /**< other workers serve the same applications */
    const char *version;
    /** Where the process serves one application only: its environment at the start, NULL-terminated
     *  and valid as long as the process; each generation begins with it, and C's environment
     *  follows its os.environ.  NULL: os.environ stays in the interpreter. */
    char *const *environment;
};
void wsgi_set_process(const struct wsgi_process *process);

/**
 * Told of every file outside of the standard library that an import is about to read.
 * Set before any load.  @thread generation   @tstate attached: must be quick, must not block
 */
struct wsgi_file_hook {
    void (*reads)(void *ctx, struct pool_interpreter *interpreter, const char *path);
    void *ctx;
};
void wsgi_set_file_hook(const struct wsgi_file_hook *hook);

/**
 * Asked before anything of a response is sent where an extension module has refused to be imported:
 * by the request itself, or before it while the response tells of a failure (status 500 or above).
 * Set before any load.
 */
struct wsgi_withhold_hook {
    /** @return whether the response is dropped: wsgi_run() returns false
     *  @thread generation   @tstate attached: must be quick, must not block */
    bool (*withholds)(void *ctx, struct request *request, bool has_met_refusal);
    void *ctx;
};
void wsgi_set_withhold_hook(const struct wsgi_withhold_hook *hook);

/** Asked as an application has been imported, for the script that keeps its pages fresh in the
 *  browser. Set before any load. */
struct wsgi_live_hook {
    /** @return whether its pages get the script; then what they come from
     *  @thread generation   @tstate attached: must be quick, must not block */
    bool (*draw)(const struct app_config *config, struct live_mark *ret_mark);
};
void wsgi_set_live_hook(const struct wsgi_live_hook *hook);

/** An extension module has just refused to be imported into the interpreter that is attached.
 *  @thread generation   @tstate attached */
void wsgi_note_refusal(void);

/**
 * Make a new interpreter ready for applications, before any is loaded.
 * @param apps  those that will live in it
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set
 * @tstate attached
 */
int wsgi_setup(const struct generation *generation, const struct app_config *const *apps,
               size_t count, struct error *err);

/**
 * Import an application.
 * @param config  must outlive the generation
 * @param[out] ret_loaded  set only on success; for lease->loaded
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set
 * @owns   the caller: wsgi_unload()
 * @tstate attached; runs the application's module
 */
int wsgi_load(const struct generation *generation, const struct app_config *config,
              void **ret_loaded, struct error *err);
/** NULL is fine. @tstate attached */
void wsgi_unload(void *loaded);

/** Call what the applications of this interpreter passed to on_retire(). @tstate attached */
void wsgi_retire(const struct generation *generation);

/**
 * Ask an application for a page, as a web server on this machine would (GET, no body).
 * @param loaded  what wsgi_load() returned, of the generation whose interpreter is attached
 * @return 0 for a status below 400, or -1: ERR_FAILED (the status), ERR_PYTHON (an exception)
 * @tstate attached; runs the application
 */
int wsgi_check(void *loaded, const char *path, struct error *err);

/** The application's own modules that a generation has loaded, those of requests included: names,
 *  files, what the files were. */
struct wsgi_modules {
    char *bytes; /**< malloc'ed */
    size_t size;
};

/**
 * Describe those of the interpreter that is attached.
 * @param[out] ret_modules  set only on success
 * @return 0, or -1: ERR_PYTHON or ERR_MEMORY in `err`, or an exception is set
 * @owns the caller: free(ret_modules->bytes)
 * @tstate attached
 */
int wsgi_modules_describe(struct wsgi_modules *ret_modules, struct error *err);

/**
 * Import, in the next generation, those of the modules that it has not loaded and that have changed
 * or import one that has; a module that is gone is no error.
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set
 * @tstate attached; runs the application's modules
 */
int wsgi_modules_import(const struct wsgi_modules *described, struct error *err);

/**
 * Run the job of a struct request: build environ, call the application, send, finish.
 * @return whether the request has ended; false: what the application made of it was dropped
 *         (wsgi_withhold_hook), and the request is the caller's, to be run once more
 * @thread serving  @tstate attached
 */
bool wsgi_run(struct job *job, const struct lease *lease);

#endif
