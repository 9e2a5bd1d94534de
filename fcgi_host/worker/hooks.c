#include "pool/python/py_compat.h"

#include "fcgi_host/worker/hooks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/crash.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/loader.h"
#include "fcgi_host/worker/withheld.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "pool/pool.h"
#include "reload/objects/gilstate.h"
#include "reload/objects/guards.h"

/** Note in the calling thread's slot what is loading.  (The thread serves nothing meanwhile.) */
static struct scoreboard_slot *begin_loading(const char *name) {
    struct scoreboard_slot *slot = scoreboard_my_slot();
    crash_thread_start();
    if (slot) {
        scoreboard_set_text(slot->facts.app, sizeof slot->facts.app, name, strlen(name));
        slot->facts.line[0] = slot->facts.request_id[0] = '\0';
        scoreboard_begin(slot, SLOT_LOADING, clock_now_ns());
    }
    return slot;
}

static void end_loading(struct scoreboard_slot *slot) {
    if (slot) {
        scoreboard_end(slot);
    }
}

static int setup_interpreter(void *ctx, struct generation *generation, struct error *err) {
    const struct pool_interpreter *interpreter = generation_interpreter(generation);
    const struct app_config **configs = application_configs(interpreter);
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

/** At start-up, applications that share an interpreter must not share their failures.  (At a reload
 *  they do: a generation without one of them would be worse than the generation that serves.) */
static bool may_lack_one(const struct pool_interpreter *interpreter, const struct error *err) {
    return err->code != ERR_REFUSED && pool_interpreter_app_count(interpreter) > 1;
}

static int prepare_spare(void *ctx, struct generation *generation, struct error *err) {
    const struct loader *loader = ctx;
    return recycle_prepare(loader->recycle, generation, err);
}

/** What was imported in advance does not fit, by a template or in a spare. @tstate attached */
static void note_cold(const struct loader *loader, struct generation *generation,
                      const struct error *why) {
    if (!pool_interpreter_is_main(generation_interpreter(generation))) {
        recycle_cold(loader->recycle, generation, why);
        return;
    }
    struct wsgi_modules memory = {NULL, 0};
    char left_out[2];
    struct error err;
    if (wsgi_preload_cold(&memory, left_out, sizeof left_out, &err) != 0) {
        PyErr_Clear();
    }
    loader_tell_cold(loader, why, &memory);
    free(memory.bytes);
}

static int end_load(void *ctx, struct generation *generation, struct error *err) {
    const struct loader *loader = ctx;
    int outcome = wsgi_loaded(err);
    if (outcome != 0 && err->code == ERR_COLD) {
        note_cold(loader, generation, err);
    }
    return outcome;
}

/** An extension that has refused is missed, whatever the application made of that: it went on with
 *  something slower in its place, or with none, or raised something else. @return as wsgi_load() */
static int heed_refusal(const struct generation *generation, int outcome, void **ret_loaded,
                        struct error *err) {
    struct pool_refusal refusal;
    if ((outcome != 0 && err->code != ERR_PYTHON) || !generation_refusal(generation, 0, &refusal)) {
        return outcome;
    }
    if (outcome == 0) {
        wsgi_unload(*ret_loaded);
        *ret_loaded = NULL;
    }
    return error_set(err, ERR_REFUSED, "%s",
                     outcome == 0 ? "the application would go on without it" : "");
}

static void check_failed_load(void *ctx, struct generation *generation) {
    const struct loader *loader = ctx;
    recycle_load_failed(loader->recycle, generation);
}

static int load_application(void *ctx, struct generation *generation, struct pool_app *app,
                            void **ret_loaded, struct error *err) {
    struct pool_interpreter *interpreter = generation_interpreter(generation);
    struct application *application = pool_app_user(app);
    const struct loader *loader = ctx;
    struct scoreboard_slot *slot = begin_loading(pool_app_name(app));
    application_note_revision(application);
    int outcome = wsgi_load(generation, application->config, ret_loaded, err);
    end_loading(slot);
    if (!pool_interpreter_is_main(interpreter)) {
        outcome = heed_refusal(generation, outcome, ret_loaded, err);
    }
    if (outcome != 0 && err->code == ERR_COLD) {
        note_cold(loader, generation, err);
        return outcome;
    }
    bool did_serve = pool_current(interpreter) && !atomic_load(&application->failure);
    if (outcome == 0 || did_serve) {
        return outcome;
    }
    if (err->code == ERR_REFUSED && !pool_interpreter_is_main(interpreter)) {
        withheld_expect_move(application);
    }
    /* Set before the pool abandons the waiting requests: they are answered with this error. */
    application_set_failure(application, err);
    if (!may_lack_one(interpreter, err)) {
        return -1;
    }
    *ret_loaded = NULL;
    return 0;
}

static void unload_application(void *ctx, struct generation *generation, struct pool_app *app,
                               void *loaded) {
    (void)ctx, (void)generation, (void)app;
    wsgi_unload(loaded);
}

static void retire_interpreter(void *ctx, struct generation *generation) {
    (void)ctx;
    wsgi_retire(generation);
}

/** More of one interpreter's than a line of the log should name. */
enum { STARTERS_MAX = 4 };

/** Where the threads of extensions that live in an interpreter were started. */
struct starters {
    const void *interpreter;
    uintptr_t addresses[STARTERS_MAX];
    size_t count;
};

static void note_starter(const struct gilstate_thread *thread, void *arg) {
    struct starters *starters = arg;
    if (thread->interpreter == starters->interpreter && starters->count < STARTERS_MAX) {
        starters->addresses[starters->count++] = thread->starter;
    }
}

/** Append which files have started threads that still live; nothing where none has. */
static void name_starters(const void *interpreter, char *text, size_t bytes) {
    struct starters starters = {.interpreter = interpreter};
    gilstate_each_thread(note_starter, &starters);
    const char *before = NULL;
    for (size_t i = 0; i < starters.count; i++) {
        Dl_info image;
        if (dladdr((void *)starters.addresses[i], &image) && image.dli_fname != before) {
            size_t length = strlen(text);
            snprintf(text + length, bytes - length, "%s %s", before ? "," : "; threads started by",
                     image.dli_fname);
            before = image.dli_fname;
        }
    }
}

static void log_zombie(void *ctx, struct generation *generation, enum generation_state state,
                       const struct error *why) {
    (void)ctx;
    if (state == GENERATION_ZOMBIE) {
        const struct log_about about = {
            .app = pool_interpreter_name(generation_interpreter(generation)),
            .generation = generation_number(generation),
        };
        char text[1024];
        snprintf(text, sizeof text, "%.512s", why->text);
        if (why->code == ERR_BUSY) {
            guards_name(text, sizeof text);
        } else {
            name_starters(generation_interpreter_state(generation), text, sizeof text);
        }
        log_line(LOG_WARN, "interpreter.zombie", &about, "%s", text);
        generation_explain(generation, text);
        const struct application *application =
            pool_app_user(pool_interpreter_app(generation_interpreter(generation), 0));
        if (application->limits) {
            limits_log_stacks_of(application->limits, generation);
        }
    }
}

/** A thread that has never called Python belongs to no interpreter. */
static bool never_called(uintptr_t starter, void *arg) {
    (void)starter, (void)arg;
    return false;
}

/** Not while a thread that an extension started still calls into the interpreter. */
static bool may_end_interpreter(void *ctx, struct generation *generation) {
    (void)ctx, (void)generation;
    return gilstate_may_end(PyInterpreterState_Get(), never_called, NULL);
}

static void tell_refused(void *ctx, struct generation *generation,
                         const struct pool_refusal *refusal) {
    wsgi_note_refusal();
    if (withheld_begin_move(generation)) {
        loader_tell_refused(ctx, generation_interpreter(generation), refusal);
    }
}

static void check_ending(void *ctx, struct generation *generation) {
    const struct loader *loader = ctx;
    recycle_ending(loader->recycle, generation);
}

void hooks_fill(struct loader *loader, struct pool_hooks *hooks) {
    *hooks = (struct pool_hooks){
        .ctx = loader,
        .setup = setup_interpreter,
        .prepare = prepare_spare,
        .load = load_application,
        .loaded = end_load,
        .load_failed = check_failed_load,
        .unload = unload_application,
        .retiring = retire_interpreter,
        .may_end = may_end_interpreter,
        .ending = check_ending,
        .refused = tell_refused,
        .state_changed = log_zombie,
    };
}
