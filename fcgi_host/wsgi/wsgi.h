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
#include "pool/base/string_list.h"
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

/** About the libraries that are imported in advance.  Set before any load.
 *  @thread generation   @tstate attached: must be quick, must not block */
struct wsgi_preload_hook {
    /** Asked between two imports. @return whether to go on; NULL: yes */
    bool (*is_wanted)(void *ctx, struct pool_interpreter *interpreter);
    /** A library was imported after the applications had loaded. Optional. */
    void (*came)(void *ctx, struct pool_interpreter *interpreter);
    void *ctx;
};
void wsgi_set_preload_hook(const struct wsgi_preload_hook *hook);

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
 * The same for the main interpreter of a process that is to be forked, before it has a generation:
 * imports can follow.  After the fork, wsgi_setup() of its generation does the rest.
 * @param apps  as there
 * @thread the one that has started Python, alone in its process  @tstate attached
 */
int wsgi_setup_ahead(const struct app_config *const *apps, size_t count, struct error *err);

/**
 * Import an application.
 * @param config  must outlive the generation
 * @param[out] ret_loaded  set only on success; for lease->loaded
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set; ERR_COLD: what
 *         wsgi_preload_prepare() has imported does not fit
 * @owns   the caller: wsgi_unload()
 * @tstate attached; runs the application's module
 */
int wsgi_load(const struct generation *generation, const struct app_config *config,
              void **ret_loaded, struct error *err);
/**
 * All applications of the interpreter that is attached have loaded.
 * @return 0, or -1: ERR_COLD, ERR_PYTHON, or an exception is set
 * @tstate attached
 */
int wsgi_loaded(struct error *err);
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
/**
 * The same for the whole answer: status, headers, an empty line, body.
 * @param[out] ret_bytes  malloc'ed, a NUL follows; set only on success
 * @return 0, or -1: ERR_PYTHON (an exception), ERR_MEMORY
 */
int wsgi_answer(void *loaded, const char *path, char **ret_bytes, size_t *ret_size,
                struct error *err);

/** A file that somebody wants to have run beside an application. */
struct wsgi_exec_order {
    int fd;        /**< what it prints goes there, in packets of at most 16 KiB; non-blocking */
    char out, err; /**< the first byte of those from standard output, and from standard error */
    const char *name;
    struct string_list arguments;
    const char *program; /**< Python source */
    size_t program_bytes;
    void *loaded; /**< what wsgi_load() returned, of the generation whose interpreter is attached */
};

enum { WSGI_EXEC_EXITED = 3 };

/**
 * Run it, as `__main__`, though the application's own `__main__` stays in sys.modules.  Only what
 * the calling thread prints goes to order->fd: a traceback, too.
 * @param[out] ret_status  as python3 would exit: 0, or 1; WSGI_EXEC_EXITED: SystemExit without a
 *                         word, the file's own or one that was raised to stop it
 * @return 0, or -1: ERR_PYTHON (of the host's own code, or SystemExit of another thread)
 * @thread one made for it  @tstate attached
 */
int wsgi_exec(const struct wsgi_exec_order *order, int *ret_status, struct error *err);

/**
 * Call what a task names.
 * @param loaded  as above  @param call  "package.module:function"
 * @return 0, or -1: ERR_PYTHON (the traceback)
 * @thread one made for it  @tstate attached
 */
int wsgi_task(void *loaded, const char *call, struct error *err);

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

/* ---- Libraries imported in advance (application_preload.py) ---- */

/** What to import in advance. */
struct wsgi_preload_order {
    struct wsgi_modules list;   /**< of wsgi_preload_describe(), of this process or another */
    struct wsgi_modules memory; /**< what was learnt of it before; `bytes` NULL: nothing */
    const char *names; /**< in place of a list: modules, separated by blanks, that are imported in
                        *   this order and stay in sys.modules; NULL: there is a list */
    bool is_process; /**< the process, which has this thread only, is to be forked: more is watched
                      */
};

struct wsgi_preload_report {
    bool may_serve;   /**< else: this interpreter is spoilt; make another one, with `memory` */
    unsigned modules; /**< that were imported in advance */
    double ms;        /**< that this has taken, of the thread's CPU time */
    char why[512];    /**< what is left out and why, for people; "": nothing */
    struct wsgi_modules memory; /**< for the next order; malloc'ed */
};

/**
 * Describe the libraries that the interpreter which is attached has imported until now, by the
 * imports of its applications.
 * @param[out] ret_list  malloc'ed bytes
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set
 * @tstate attached
 */
int wsgi_preload_describe(struct wsgi_modules *ret_list, struct error *err);
/**
 * Import them into an interpreter that is set up, and in which no application has been loaded.
 * Then wsgi_load() and wsgi_loaded() may fail with ERR_COLD: the applications would import
 * something else, or in another way, in an interpreter that begins with nothing.
 * @param[out] ret_report  its memory is the caller's to free, also on failure
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set
 * @tstate attached; runs the libraries' modules
 */
int wsgi_preload_prepare(const struct wsgi_preload_order *order,
                         struct wsgi_preload_report *ret_report, struct error *err);
/** After ERR_COLD, in the same interpreter: what has been learnt, as in a report. */
int wsgi_preload_cold(struct wsgi_modules *ret_memory, char *ret_why, size_t why_bytes,
                      struct error *err);
/**
 * Look at the files that were imported.
 * @param[out] ret_memory  what is learnt of a change, as in a report; unchanged if there is none
 * @param[out] ret_path    the first file that is not as it was; "": all are
 * @return 0, or -1: ERR_PYTHON in `err`, or an exception is set
 * @tstate attached, to the interpreter of wsgi_preload_prepare(), before any application is loaded
 */
int wsgi_preload_find_changed(struct wsgi_modules *ret_memory, char *ret_path, size_t path_bytes,
                              struct error *err);

/**
 * Run the job of a struct request: build environ, call the application, send, finish.
 * @return whether the request has ended; false: what the application made of it was dropped
 *         (wsgi_withhold_hook), and the request is the caller's, to be run once more
 * @thread serving  @tstate attached
 */
bool wsgi_run(struct job *job, const struct lease *lease);

/** What came of the functions that requests have given to fcgi_host.after_response(). */
struct wsgi_after_counts {
    unsigned done;   /**< that have returned or raised */
    unsigned failed; /**< of these: raised */
};
/** Whether the request that the calling thread has ended has given any. @thread, @tstate as
 *  wsgi_run() */
bool wsgi_has_after(void);
/**
 * Run them, in their order.  What one raises is logged; SystemExit, which ends the thread of a
 * generation that takes too long to drain, is the end of them all.
 * @param request_id  for the log
 * @return what to count
 */
struct wsgi_after_counts wsgi_run_after(const struct lease *lease, const char *request_id);

#endif
