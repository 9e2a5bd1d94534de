#include "fcgi_host/worker/scripts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/slowdown.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/loader.h"
#include "fcgi_host/worker/outcome.h"
#include "fcgi_host/worker/submit.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

struct script {
    struct script *next;
    struct scripts *scripts;
    struct application *application;
    struct pool_interpreter *interpreter; /* NULL: the main one (is_fixed) */
    uint64_t used_ns;                     /* when the last request came */
    struct stat loaded;                   /* of its file, just before the last load */
    struct script *evicted;               /* to be ended before this script is built; or NULL */
    bool is_fixed;
    _Atomic unsigned phase; /* PHASE_… */
};

/** Of the one that comes first, and the other: who finds the other's mark ends the script. */
enum {
    PHASE_BUILDING = 1, /* build_script() uses it */
    PHASE_LEAVING = 2,  /* scripts_leave() */
};

struct scripts {
    struct scripts_options options;
    unsigned other_interpreters; /* that count for max_interpreters */
    struct script *first;
    _Atomic bool has_built; /* a script in this process */
};

struct scripts *scripts_new(const struct scripts_options *options, struct error *err) {
    struct scripts *scripts = calloc(1, sizeof *scripts);
    if (!scripts) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    scripts->options = *options;
    return scripts;
}

void scripts_leave_room(struct scripts *scripts, unsigned interpreters) {
    scripts->other_interpreters = interpreters;
}

/* ---- Making a script ---- */

static struct application *make_application(struct scripts *scripts, const char *path,
                                            struct error *err) {
    struct app_config *config = malloc(sizeof *config);
    if (!config) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *config = scripts->options.config->script_defaults;
    config->name = strdup(path);
    config->file = strdup(path);
    config->interpreter = NULL; /* its own, named like the script */
    struct application *application =
        config->name && config->file
            ? application_new(config, config, true, (uint32_t)clock_now_ns())
            : NULL;
    if (!application) {
        free(config->name);
        free(config->file);
        free(config);
        error_set(err, ERR_MEMORY, "out of memory");
    }
    return application; // NOLINT(clang-analyzer-unix.Malloc): `application` owns `config`
}

static void link_script(struct scripts *scripts, struct script *script) {
    script->next = scripts->first;
    scripts->first = script;
}

static void unlink_script(struct script *script) {
    struct script **link = &script->scripts->first;
    while (*link != script) {
        link = &(*link)->next;
    }
    *link = script->next;
}

static struct script *add_script(struct scripts *scripts, const char *path, struct error *err) {
    struct script *script = calloc(1, sizeof *script);
    if (!script) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    script->application = make_application(scripts, path, err);
    if (!script->application) {
        free(script);
        return NULL;
    }
    script->application->limits = scripts->options.limits;
    script->application->slowed_until_ns =
        slowdown_until_ms(scripts->options.slowdown, path) * CLOCK_NS_PER_MS;
    script->scripts = scripts;
    if (stat(path, &script->loaded)) {
        script->loaded = (struct stat){0};
    }
    link_script(scripts, script);
    return script;
}

static struct script *find_script(struct scripts *scripts, const char *path) {
    struct script *script = scripts->first;
    while (script && strcmp(script->application->config->file, path) != 0) {
        script = script->next;
    }
    return script;
}

struct application *scripts_add_fixed(struct scripts *scripts, const char *path,
                                      struct error *err) {
    if (!scripts || access(path, R_OK) || find_script(scripts, path)) {
        error_set(err, ERR_NOT_FOUND, "%s: not there any more, or twice", path);
        return NULL;
    }
    struct script *script = add_script(scripts, path, err);
    if (!script) {
        return NULL;
    }
    script->is_fixed = true;
    return script->application;
}

static int add_to_pool(struct script *script, struct error *err) {
    const struct app_config *config = script->application->config;
    const struct pool_interpreter_options interpreter = {
        .name = config->name,
        .gil = config->gil_own ? POOL_GIL_OWN : POOL_GIL_SHARED,
        .stop_threads_ms = APPLICATION_STOP_THREADS_MS,
    };
    if (pool_add_interpreter(script->scripts->options.pool, &interpreter, &script->interpreter,
                             err)) {
        return -1;
    }
    if (application_add_to_pool(script->application, script->interpreter, err)) {
        return -1;
    }
    return recycle_add(script->scripts->options.loader->recycle, script->interpreter, err);
}

/* ---- Building and ending, on threads of their own ---- */

static void forget_files(struct script *script) {
    recycle_remove(script->scripts->options.loader->recycle, script->interpreter);
}

/** End a script's interpreter. @param why  for the log */
static void end_script(struct script *script, const char *why) {
    struct error err;
    const struct app_config *config = script->application->config;
    const struct log_about about = {
        .app = config->name,
        .generation = atomic_load(&script->application->generation),
    };
    forget_files(script);
    if (pool_remove_interpreter(script->interpreter, config->drain_timeout_s * 1000, &err)) {
        /* A thread of its interpreter still runs and may use the application, which stays. */
        log_line(LOG_WARN, "script.unfinished", &about, "could not be ended: %s", err.text);
    } else {
        log_line(LOG_INFO, "reload.retired", &about, "%s", why);
        if (atomic_load(&script->application->withheld) == 0) { /* else: is used by a request */
            application_free(script->application);
            free(script);
        }
    }
}

static void *end_left(void *arg) {
    end_script(arg, "it has another process");
    return NULL;
}

static bool is_building(const struct script *script) {
    return atomic_load(&script->phase) & PHASE_BUILDING;
}

/** A process that had enough for one interpreter has had it since its start: a new worker has it
 *  again.  One that never had it would only be replaced by its like. */
static void ask_replacement_if_exhausted(struct script *script) {
    struct scripts *scripts = script->scripts;
    const struct error *failure = atomic_load(&script->application->failure);
    if (!failure || failure->code != ERR_EXHAUSTED) {
        atomic_store(&scripts->has_built, true);
    } else if (scripts->other_interpreters > 0 || atomic_load(&scripts->has_built)) {
        channel_tell(scripts->options.loader->supervisor,
                     &(struct channel_outgoing){.type = CHANNEL_REPLACE_ME, .text = failure->text});
    }
}

static void *build_script(void *arg) {
    struct script *script = arg;
    if (script->evicted) { /* first, so that there is never one interpreter too many */
        end_script(script->evicted, "makes room: it was idle longest");
        script->evicted = NULL;
    }
    const struct loader *loader = script->scripts->options.loader;
    loader_load(loader, script->interpreter);
    recycle_loaded(loader->recycle, script->interpreter);
    loader_tell_met_refusal(loader, script->interpreter);
    ask_replacement_if_exhausted(script);
    if (atomic_fetch_and(&script->phase, ~(unsigned)PHASE_BUILDING) & PHASE_LEAVING) {
        end_left(script);
    }
    return NULL;
}

static int start_script(struct script *script, struct error *err) {
    if (stat(script->application->config->file, &script->loaded)) {
        script->loaded = (struct stat){0};
    }
    atomic_fetch_or(&script->phase, PHASE_BUILDING);
    int failed = thread_start(build_script, script, "script", err);
    if (failed) {
        atomic_fetch_and(&script->phase, ~(unsigned)PHASE_BUILDING);
    }
    return failed;
}

/* ---- Room for one more ---- */

static bool is_idle(struct script *script) {
    struct pool_app_stats stats;
    if (script->is_fixed || is_building(script)) {
        return false;
    }
    pool_app_stats(script->application->pool_app, &stats);
    return stats.in_flight == 0 && stats.queued == 0 &&
           atomic_load(&script->application->withheld) == 0;
}

static struct script *idle_longest(const struct scripts *scripts) {
    struct script *oldest = NULL;
    for (struct script *script = scripts->first; script; script = script->next) {
        if (is_idle(script) && (!oldest || script->used_ns < oldest->used_ns)) {
            oldest = script;
        }
    }
    return oldest;
}

static unsigned count_interpreters(const struct scripts *scripts) {
    unsigned count = scripts->other_interpreters;
    for (const struct script *script = scripts->first; script; script = script->next) {
        count += !script->is_fixed;
    }
    return count;
}

/** @param[out] ret_evicted  to be ended first; NULL: there is room
 *  @return 0, or -1 with ERR_BUSY: all are in use */
static int make_room(struct scripts *scripts, struct script **ret_evicted, struct error *err) {
    *ret_evicted = NULL;
    if (count_interpreters(scripts) < scripts->options.config->max_interpreters) {
        return 0;
    }
    *ret_evicted = idle_longest(scripts);
    return *ret_evicted ? 0
                        : error_set(err, ERR_BUSY, "max_interpreters (%u) are all in use",
                                    scripts->options.config->max_interpreters);
}

/* ---- Requests ---- */

static struct script *make_script(struct scripts *scripts, const char *path, struct error *err) {
    const char *why = placement_failed_reason(scripts->options.placement, path);
    if (why) {
        error_set(err, ERR_FAILED, "not loaded: the worker %s", why);
        return NULL;
    }
    struct script *evicted;
    if (make_room(scripts, &evicted, err)) {
        return NULL;
    }
    struct script *script = add_script(scripts, path, err);
    if (!script) {
        return NULL;
    }
    script->evicted = evicted;
    if (evicted) {
        unlink_script(evicted);
    }
    if (add_to_pool(script, err) || start_script(script, err)) {
        if (evicted) {
            link_script(scripts, evicted);
        }
        unlink_script(script);
        if (script->interpreter) {
            forget_files(script);
            pool_remove_interpreter(script->interpreter, 0, NULL);
        }
        application_free(script->application);
        free(script);
        return NULL;
    }
    return script;
}

/** Whether a script that did not load is worth another try: no reloader watches its files, and the
 *  script has changed since. */
static bool may_load_now(const struct script *script) {
    struct stat now;
    if (script->scripts->options.loader->recycle &&
        script->application->config->reload != RELOAD_MODE_OFF) {
        return false;
    }
    const struct error *failure = atomic_load(&script->application->failure);
    if (!failure || script->is_fixed || is_building(script) || failure->code == ERR_REFUSED ||
        stat(script->application->config->file, &now)) {
        return false;
    }
    return now.st_mtim.tv_sec != script->loaded.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != script->loaded.st_mtim.tv_nsec ||
           now.st_size != script->loaded.st_size || now.st_ino != script->loaded.st_ino;
}

static void load_again(struct script *script) {
    application_set_failure(script->application, NULL);
    pool_app_set_failed(script->application->pool_app, NULL);
    struct error err;
    if (start_script(script, &err)) {
        outcome_failed(script->scripts->options.loader->supervisor, script->application, &err);
    }
}

void scripts_submit(struct scripts *scripts, const char *path, struct request *request) {
    struct error err;
    struct script *script = find_script(scripts, path);
    if (!script) {
        script = make_script(scripts, path, &err);
    } else if (may_load_now(script)) {
        load_again(script);
    }
    if (!script) {
        const struct log_about about = {.app = path, .request_id = request->id};
        log_line(LOG_WARN, "script.refused", &about, "%s", err.text);
        reply_status(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, NULL);
        return;
    }
    script->used_ns = clock_now_ns();
    submit_request(script->application, request);
}

bool scripts_have(struct scripts *scripts, const char *path) {
    return scripts && find_script(scripts, path);
}

struct job *scripts_take_waiting(struct scripts *scripts, const char *path) {
    const struct script *script = find_script(scripts, path);
    return script && !script->is_fixed ? pool_take_waiting_of(script->interpreter) : NULL;
}

void scripts_leave(struct scripts *scripts, const char *path) {
    struct script *script = scripts ? find_script(scripts, path) : NULL;
    if (!script || script->is_fixed) {
        return;
    }
    unlink_script(script);
    atomic_store(&script->application->has_left, true);
    bool is_building_now = atomic_fetch_or(&script->phase, PHASE_LEAVING) & PHASE_BUILDING;
    if (!is_building_now && thread_start(end_left, script, "leaving", NULL)) {
        log_line(LOG_WARN, "script.unfinished", NULL, "%s stays: no thread could be started", path);
    }
}

void scripts_each(struct scripts *scripts, void (*each)(void *ctx, struct application *application),
                  void *ctx) {
    for (struct script *script = scripts ? scripts->first : NULL; script; script = script->next) {
        each(ctx, script->application);
    }
}
