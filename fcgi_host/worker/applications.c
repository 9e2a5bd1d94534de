#include "fcgi_host/worker/applications.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/cgi/route.h"
#include "fcgi_host/config/view.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/slowdown.h"
#include "fcgi_host/worker/loader.h"
#include "fcgi_host/worker/outcome.h"
#include "fcgi_host/worker/scripts.h"
#include "pool/base/clock.h"
#include "pool/pool.h"

/** The applications while they are being made. */
struct adding {
    struct applications *applications;
    const struct applications_options *options;
};

/** Differs between workers and between the applications of one worker. */
static uint32_t random_of(size_t index) {
    uint32_t mixed = (uint32_t)getpid() * 2654435761u ^ (uint32_t)time(NULL) * 40503u;
    return mixed + (uint32_t)index * 2246822519u;
}

static struct pool_interpreter *find_interpreter(const struct applications *applications,
                                                 const char *name) {
    for (size_t i = 0; i < applications->interpreter_count; i++) {
        if (strcmp(pool_interpreter_name(applications->interpreters[i]), name) == 0) {
            return applications->interpreters[i];
        }
    }
    return NULL;
}

/** The interpreter `wanted`, or the main one if `wanted` was moved there; made on first use. */
static struct pool_interpreter *interpreter_for(struct adding *adding, const char *wanted,
                                                bool owns_gil, struct error *err) {
    struct applications *applications = adding->applications;
    bool is_main = strcmp(wanted, CONFIG_MAIN_INTERPRETER) == 0 ||
                   placement_main_reason(adding->options->placement, wanted);
    const char *name = is_main ? CONFIG_MAIN_INTERPRETER : wanted;
    struct pool_interpreter *interpreter = find_interpreter(applications, name);
    if (interpreter) {
        return interpreter;
    }
    const struct pool_interpreter_options options = {
        .name = name,
        .is_main = is_main,
        .gil = owns_gil && !is_main ? POOL_GIL_OWN : POOL_GIL_SHARED,
        .stop_threads_ms = APPLICATION_STOP_THREADS_MS,
    };
    struct pool_interpreter **grown =
        realloc(applications->interpreters,
                (applications->interpreter_count + 1) * sizeof *applications->interpreters);
    if (!grown) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    applications->interpreters = grown;
    if (pool_add_interpreter(adding->options->pool, &options, &interpreter, err)) {
        error_prefix(err, "interpreter %s", name);
        return NULL;
    }
    applications->interpreters[applications->interpreter_count++] = interpreter;
    return interpreter;
}

/** An application that killed its workers is known, shown in the status, and not loaded. */
static bool is_given_up(const struct adding *adding, struct application *application) {
    const char *why =
        placement_failed_reason(adding->options->placement, application->config->name);
    if (why) {
        struct error err;
        error_set(&err, ERR_FAILED, "not loaded: the worker %s", why);
        outcome_failed(adding->options->loader->supervisor, application, &err);
    }
    return why != NULL;
}

static int add_application(struct adding *adding, const struct app_config *config, size_t index,
                           struct error *err) {
    struct application *application = application_new(config, NULL, false, random_of(index));
    if (!application) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    application->limits = adding->options->limits;
    application->slowed_until_ns =
        slowdown_until_ms(adding->options->slowdown, config->name) * CLOCK_NS_PER_MS;
    adding->applications->apps[adding->applications->app_count++] = application;
    if (is_given_up(adding, application)) {
        return 0;
    }
    struct pool_interpreter *interpreter =
        interpreter_for(adding, application_interpreter(config), config->gil_own, err);
    return interpreter ? application_add_to_pool(application, interpreter, err) : -1;
}

/** A script that must live in the main interpreter is loaded with it, since that is built once. */
static int add_main_script(struct adding *adding, const char *path, struct error *err) {
    struct application *application = scripts_add_fixed(adding->applications->scripts, path, err);
    if (!application || is_given_up(adding, application)) {
        return 0; /* or it is gone */
    }
    struct pool_interpreter *interpreter =
        interpreter_for(adding, CONFIG_MAIN_INTERPRETER, false, err);
    return interpreter ? application_add_to_pool(application, interpreter, err) : -1;
}

static int add_main_scripts(struct adding *adding, struct error *err) {
    const struct string_list *scripts = &adding->options->config->scripts_in_main;
    const char *name;
    for (size_t i = 0; i < scripts->count; i++) {
        if (add_main_script(adding, scripts->items[i], err)) {
            return -1;
        }
    }
    for (size_t i = 0; (name = placement_moved(adding->options->placement, i)); i++) {
        bool is_script = name[0] == '/'; /* else the interpreter of an [app] */
        if (is_script && add_main_script(adding, name, err)) {
            return -1;
        }
    }
    return 0;
}

static int add_scripts(struct adding *adding, struct error *err) {
    struct applications *applications = adding->applications;
    const struct scripts_options options = {
        .config = adding->options->config,
        .placement = adding->options->placement,
        .slowdown = adding->options->slowdown,
        .pool = adding->options->pool,
        .loader = adding->options->loader,
        .limits = adding->options->limits,
    };
    applications->scripts = scripts_new(&options, err);
    if (!applications->scripts || add_main_scripts(adding, err)) {
        return -1;
    }
    scripts_leave_room(applications->scripts, (unsigned)applications->interpreter_count);
    return 0;
}

static void note_place(struct applications *applications, struct application *application) {
    const struct app_config *app = config_find_app(applications->site, application->config->name);
    if (app) {
        applications->by_place[applications_place(applications, app)] = application;
    }
}

int applications_add(struct applications *applications, const struct applications_options *options,
                     struct error *err) {
    const struct config *config = options->config;
    struct adding adding = {applications, options};
    applications->site = config_site(config);
    applications->apps = calloc(config->app_count + 1, sizeof(struct application *));
    applications->by_place =
        calloc(applications->site->app_count + 1, sizeof(struct application *));
    if (!applications->apps || !applications->by_place) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < config->app_count; i++) {
        if (add_application(&adding, &config->apps[i], i, err)) {
            return error_prefix(err, "application %s", config->apps[i].name);
        }
        note_place(applications, applications->apps[i]);
    }
    if (config->scripts_root && add_scripts(&adding, err)) {
        return -1;
    }
    applications->router = router_new(applications->site, err);
    return applications->router ? 0 : -1;
}

size_t applications_place(const struct applications *applications, const struct app_config *app) {
    return app ? (size_t)(app - applications->site->apps) : applications->site->app_count;
}

size_t applications_place_named(const struct applications *applications, const char *name) {
    return applications_place(applications, config_find_app(applications->site, name));
}

size_t applications_place_of(const struct applications *applications,
                             const struct application *application) {
    size_t place = 0;
    while (place < applications->site->app_count && applications->by_place[place] != application) {
        place++;
    }
    return place;
}

void applications_forget(struct applications *applications, size_t place) {
    applications->by_place[place] = NULL;
}

struct application *applications_at(const struct applications *applications, size_t place) {
    return applications->by_place[place];
}

void applications_each(const struct applications *applications,
                       void (*each)(void *ctx, struct application *application), void *ctx) {
    for (size_t i = 0; i < applications->app_count; i++) {
        each(ctx, applications->apps[i]);
    }
    scripts_each(applications->scripts, each, ctx);
}

struct slowed {
    const char *name;
    uint64_t until_ns;
};

static void slow_down(void *ctx, struct application *application) {
    const struct slowed *slowed = ctx;
    if (strcmp(application->config->name, slowed->name) == 0) {
        atomic_store(&application->slowed_until_ns, slowed->until_ns);
    }
}

void applications_slow_down(const struct applications *applications, const char *name,
                            uint64_t until_ms) {
    struct slowed slowed = {name, until_ms * CLOCK_NS_PER_MS};
    applications_each(applications, slow_down, &slowed);
}

/* ---- What serves ---- */

struct search {
    const char *name;
    struct application *found;
};

static void compare(void *ctx, struct application *application) {
    struct search *search = ctx;
    if (strcmp(application->config->name, search->name) == 0 && application->pool_app) {
        search->found = application;
    }
}

bool applications_hold_serving(const struct applications *applications, const char *name,
                               struct serving *ret_serving) {
    struct search search = {.name = name};
    applications_each(applications, compare, &search);
    struct pool_app *app = search.found ? search.found->pool_app : NULL;
    struct generation *generation = app ? pool_hold_current(pool_app_interpreter(app)) : NULL;
    void *loaded = generation ? generation_loaded(generation, app) : NULL;
    if (generation && !loaded) {
        generation_let_go(generation);
    }
    *ret_serving = (struct serving){search.found, generation, loaded};
    return loaded != NULL;
}
