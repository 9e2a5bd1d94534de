#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/worker_internal.h"

enum {
    /** How long threads that an application started may take to end with their interpreter. */
    STOP_THREADS_MS = 2000,
};

#define MAIN "main"

/** Differs between workers and between applications of one. */
static uint32_t random_of(size_t index) {
    uint32_t mixed = (uint32_t)getpid() * 2654435761u ^ (uint32_t)time(NULL) * 40503u;
    return mixed + (uint32_t)index * 2246822519u;
}

static struct pool_interpreter *find_interpreter(const struct worker *worker, const char *name) {
    for (size_t i = 0; i < worker->interpreter_count; i++) {
        if (strcmp(pool_interpreter_name(worker->interpreters[i]), name) == 0) {
            return worker->interpreters[i];
        }
    }
    return NULL;
}

/** The interpreter that is called `wanted`, or the main one if it was moved there; made if there
 *  is none yet. */
static struct pool_interpreter *interpreter_for(struct worker *worker, const char *wanted,
                                                bool owns_gil, struct error *err) {
    bool is_main =
        strcmp(wanted, MAIN) == 0 || placement_main_reason(worker->start->placement, wanted);
    const char *name = is_main ? MAIN : wanted;
    struct pool_interpreter *interpreter = find_interpreter(worker, name);
    if (interpreter) {
        return interpreter;
    }
    const struct pool_interpreter_options options = {
        .name = name,
        .is_main = is_main,
        .gil = owns_gil && !is_main ? POOL_GIL_OWN : POOL_GIL_SHARED,
        .stop_threads_ms = STOP_THREADS_MS,
    };
    struct pool_interpreter **grown = realloc(
        worker->interpreters, (worker->interpreter_count + 1) * sizeof *worker->interpreters);
    if (!grown) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    worker->interpreters = grown;
    if (pool_add_interpreter(worker->pool, &options, &interpreter, err)) {
        error_prefix(err, "interpreter %s", name);
        return NULL;
    }
    worker->interpreters[worker->interpreter_count++] = interpreter;
    return interpreter;
}

static int add_to_pool(struct worker *worker, struct application *application,
                       struct pool_interpreter *interpreter, struct error *err) {
    const struct pool_app_options options = {
        .name = application->config->name,
        .threads = application->config->threads,
        .queue_limit = application->config->queue,
        .user = application,
    };
    (void)worker;
    return pool_add_app(interpreter, &options, &application->pool_app, err);
}

/** One that killed its workers is known, shown and not loaded. */
static bool is_given_up(struct worker *worker, struct application *application) {
    const char *why = placement_failed_reason(worker->start->placement, application->config->name);
    if (why) {
        struct error err;
        error_set(&err, ERR_FAILED, "not loaded: the worker %s", why);
        worker_application_failed(worker, application, &err);
    }
    return why != NULL;
}

static int add_application(struct worker *worker, const struct app_config *config, size_t index,
                           struct error *err) {
    struct application *application = application_new(config, NULL, false, random_of(index));
    if (!application) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    worker->applications[worker->application_count++] = application;
    if (is_given_up(worker, application)) {
        return 0;
    }
    struct pool_interpreter *interpreter =
        interpreter_for(worker, application_interpreter(config), config->gil_own, err);
    if (!interpreter) {
        return -1;
    }
    return add_to_pool(worker, application, interpreter, err);
}

/** Scripts that must live in the main interpreter are loaded with it: it is built only once. */
static int add_moved_scripts(struct worker *worker, struct error *err) {
    const char *name;
    for (size_t i = 0; (name = placement_moved(worker->start->placement, i)); i++) {
        struct application *application =
            name[0] == '/' ? script_pool_add_fixed(worker->scripts, name, err) : NULL;
        if (!application) {
            continue; /* an interpreter of an [app], or a script that is gone */
        }
        struct pool_interpreter *interpreter = interpreter_for(worker, MAIN, false, err);
        if (!interpreter || (!is_given_up(worker, application) &&
                             add_to_pool(worker, application, interpreter, err))) {
            return -1;
        }
    }
    return 0;
}

int worker_add_applications(struct worker *worker, struct error *err) {
    const struct config *config = worker->config;
    worker->applications = calloc(config->app_count + 1, sizeof *worker->applications);
    if (!worker->applications) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < config->app_count; i++) {
        if (add_application(worker, &config->apps[i], i, err)) {
            return error_prefix(err, "application %s", config->apps[i].name);
        }
    }
    if (config->scripts_root) {
        worker->scripts = script_pool_new(worker, err);
        if (!worker->scripts || add_moved_scripts(worker, err)) {
            return -1;
        }
    }
    worker->router = router_new(config, err);
    return worker->router ? 0 : -1;
}

void worker_application_failed(struct worker *worker, struct application *application,
                               const struct error *err) {
    const struct log_about about = {.app = application->config->name};
    application_set_failure(application, err);
    if (application->pool_app) {
        pool_app_set_failed(application->pool_app, err);
    }
    channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_FAILED,
                                                                 .name = application->config->name,
                                                                 .text = err->text});
    if (err->code != ERR_REFUSED) { /* that one is tried again elsewhere, and logged then */
        log_line(LOG_ERROR, "app.failed", &about, "%s", err->text);
    }
}

void worker_application_loaded(struct worker *worker, struct application *application,
                               const struct generation *generation) {
    const struct log_about about = {
        .app = application->config->name,
        .generation = generation_number(generation),
    };
    double load_ms = generation_load_ms(generation);
    application_set_failure(application, NULL);
    application_set_serving(application, about.generation, load_ms, time(NULL));
    channel_tell(
        &worker->supervisor,
        &(struct channel_outgoing){.type = CHANNEL_APP_LOADED, .name = application->config->name});
    log_line(LOG_INFO, "app.loaded", &about, "%s in interpreter %s, %.1f ms",
             application->config->file, pool_interpreter_name(generation_interpreter(generation)),
             load_ms);
}
