#include "pool/python/py_compat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fcgi_host/app/crash.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/worker_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "reload/objects/gilstate.h"

/** One application after the other is loaded, so that a worker that dies is known to have died of
 *  it; but one that takes longer than this no longer holds up the next. */
enum { NEXT_LOAD_MS = 1000 };

/* ---- The pool's hooks ---- */

/** What is loading, for the last words; the calling thread does nothing else meanwhile. */
static struct scoreboard_slot *begin_loading(const char *name) {
    struct scoreboard_slot *slot = scoreboard_my_slot();
    crash_thread_start();
    if (slot) {
        slot_set_text(slot->app, sizeof slot->app, name, strlen(name));
        slot->line[0] = slot->request_id[0] = '\0';
        slot_begin(slot, SLOT_LOADING, clock_now_ns());
    }
    return slot;
}

static void end_loading(struct scoreboard_slot *slot) {
    if (slot) {
        slot_end(slot);
    }
}

/** @owns the caller: free() */
static const struct app_config **configs_of(const struct pool_interpreter *interpreter) {
    size_t count = pool_interpreter_app_count(interpreter);
    const struct app_config **configs = calloc(count + 1, sizeof *configs);
    for (size_t i = 0; configs && i < count; i++) {
        const struct application *application = pool_app_user(pool_interpreter_app(interpreter, i));
        configs[i] = application->config;
    }
    return configs;
}

static int setup(void *ctx, struct generation *generation, struct error *err) {
    const struct pool_interpreter *interpreter = generation_interpreter(generation);
    const struct app_config **configs = configs_of(interpreter);
    (void)ctx;
    if (!configs) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    struct scoreboard_slot *slot =
        begin_loading(pool_app_name(pool_interpreter_app(interpreter, 0)));
    int outcome = wsgi_setup(generation, configs, pool_interpreter_app_count(interpreter), err);
    end_loading(slot);
    free(configs);
    return outcome;
}

/** Applications that share an interpreter must not share their failures at start-up; later, a
 *  generation that lost one of them would be worse than the one that serves. */
static bool may_lack_one(const struct pool_interpreter *interpreter, const struct error *err) {
    return err->code != ERR_REFUSED && pool_interpreter_app_count(interpreter) > 1;
}

static int load(void *ctx, struct generation *generation, struct pool_app *app, void **ret_loaded,
                struct error *err) {
    struct pool_interpreter *interpreter = generation_interpreter(generation);
    struct application *application = pool_app_user(app);
    (void)ctx;
    struct scoreboard_slot *slot = begin_loading(pool_app_name(app));
    int outcome = wsgi_load(generation, application->config, ret_loaded, err);
    end_loading(slot);
    bool did_serve = pool_current(interpreter) && !atomic_load(&application->failure);
    if (outcome == 0 || did_serve) {
        return outcome;
    }
    /* Before the pool abandons the requests that wait: they are answered with it. */
    application_set_failure(application, err);
    if (!may_lack_one(interpreter, err)) {
        return -1;
    }
    *ret_loaded = NULL;
    return 0;
}

static void unload(void *ctx, struct generation *generation, struct pool_app *app, void *loaded) {
    (void)ctx, (void)generation, (void)app;
    wsgi_unload(loaded);
}

static void retiring(void *ctx, struct generation *generation) {
    (void)ctx;
    wsgi_retire(generation);
}

static void state_changed(void *ctx, struct generation *generation, enum generation_state state,
                          const struct error *why) {
    (void)ctx;
    if (state == GENERATION_ZOMBIE) {
        const struct log_about about = {
            .app = pool_interpreter_name(generation_interpreter(generation)),
            .generation = generation_number(generation),
        };
        log_line(LOG_WARN, "interpreter.zombie", &about, "%s", why ? why->text : "cannot be ended");
    }
}

/** Threads that have never called Python are none of its interpreter's. */
static bool never_called(uintptr_t starter, void *arg) {
    (void)starter, (void)arg;
    return false;
}

/** Not while a thread that an extension started still calls into it. */
static bool may_end(void *ctx, struct generation *generation) {
    (void)ctx, (void)generation;
    return gilstate_may_end(PyInterpreterState_Get(), never_called, NULL);
}

static void ending(void *ctx, struct generation *generation) {
    struct worker *worker = ctx;
    if (worker->recycler) {
        recycler_ending(worker->recycler, generation);
    }
}

void worker_pool_hooks(struct worker *worker, struct pool_hooks *hooks) {
    *hooks = (struct pool_hooks){
        .ctx = worker,
        .setup = setup,
        .load = load,
        .unload = unload,
        .retiring = retiring,
        .may_end = may_end,
        .ending = ending,
        .state_changed = state_changed,
    };
}

/* ---- Building ---- */

static void tell_outcome(struct worker *worker, struct pool_interpreter *interpreter,
                         struct generation *generation, const struct error *err) {
    if (!generation && err->code == ERR_REFUSED && !pool_interpreter_is_main(interpreter)) {
        channel_tell(&worker->supervisor,
                     &(struct channel_outgoing){.type = CHANNEL_REFUSED,
                                                .name = pool_interpreter_name(interpreter),
                                                .text = err->text});
    }
    for (size_t i = 0; i < pool_interpreter_app_count(interpreter); i++) {
        struct application *application = pool_app_user(pool_interpreter_app(interpreter, i));
        const struct error *failure = atomic_load(&application->failure);
        if (!generation) {
            worker_application_failed(worker, application, err);
        } else if (failure) {
            worker_application_failed(worker, application, failure);
        } else {
            worker_application_loaded(worker, application, generation);
        }
    }
}

void worker_load(struct worker *worker, struct pool_interpreter *interpreter) {
    struct generation *generation = NULL;
    struct error err;
    unsigned timeout_ms = worker->config->startup_timeout_s * 1000;
    bool is_built = pool_build(interpreter, timeout_ms, &generation, &err) == 0;
    if (is_built && worker->recycler) {
        recycler_built(worker->recycler, generation);
    }
    if (is_built && pool_publish(generation, &err)) {
        pool_discard(generation);
        generation = NULL;
    }
    tell_outcome(worker, interpreter, generation, &err);
}

/** Counts what is done; freed by the last of its users. */
struct loading {
    struct worker *worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t started, done;
};

struct load_one {
    struct loading *loading;
    struct pool_interpreter *interpreter;
};

static void note_done(struct loading *loading) {
    pthread_mutex_lock(&loading->lock);
    loading->done++;
    pthread_cond_signal(&loading->changed);
    pthread_mutex_unlock(&loading->lock);
}

static void *load_one(void *arg) {
    struct load_one *one = arg;
    worker_load(one->loading->worker, one->interpreter);
    note_done(one->loading);
    free(one);
    return NULL;
}

/** On a thread of its own, so that it need not be waited for. */
static void start_one(struct loading *loading, struct pool_interpreter *interpreter) {
    pthread_t thread;
    struct load_one *one = malloc(sizeof *one);
    loading->started++;
    if (one) {
        *one = (struct load_one){loading, interpreter};
        if (pthread_create(&thread, NULL, load_one, one) == 0) {
            pthread_detach(thread);
            return;
        }
        free(one);
    }
    worker_load(loading->worker, interpreter);
    note_done(loading);
}

/** Wait until all that was started is done, or `timeout_ms` (0: for ever). */
static void await_started(struct loading *loading, unsigned timeout_ms) {
    struct timespec deadline = clock_deadline(timeout_ms);
    int outcome = 0;
    pthread_mutex_lock(&loading->lock);
    while (loading->done < loading->started && outcome != ETIMEDOUT) {
        outcome = timeout_ms ? pthread_cond_timedwait(&loading->changed, &loading->lock, &deadline)
                             : pthread_cond_wait(&loading->changed, &loading->lock);
    }
    pthread_mutex_unlock(&loading->lock);
}

static void *load_all(void *arg) {
    struct loading *loading = arg;
    struct worker *worker = loading->worker;
    for (size_t i = 0; i < worker->interpreter_count; i++) {
        start_one(loading, worker->interpreters[i]);
        await_started(loading, NEXT_LOAD_MS);
    }
    await_started(loading, 0);
    channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_LOADED});
    for (size_t i = 0; i < worker->interpreter_count && worker->recycler; i++) {
        recycler_loaded(worker->recycler, worker->interpreters[i]);
    }
    pthread_cond_destroy(&loading->changed);
    pthread_mutex_destroy(&loading->lock);
    free(loading);
    return NULL;
}

int worker_start_loading(struct worker *worker, struct error *err) {
    pthread_t thread;
    struct loading *loading = calloc(1, sizeof *loading);
    if (!loading) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    loading->worker = worker;
    pthread_mutex_init(&loading->lock, NULL);
    clock_cond_init(&loading->changed);
    int problem = pthread_create(&thread, NULL, load_all, loading);
    if (problem) {
        free(loading);
        return error_set_errno(err, problem, "pthread_create");
    }
    pthread_detach(thread);
    return 0;
}
