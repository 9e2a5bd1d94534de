/* Reloads asked for by hand, and what the status shows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/recycle/recycle_internal.h"
#include "reload/stale/stale.h"

/* ---- Reload ---- */

/** One `fcgi_host reload`, until the last of its interpreters has answered. */
struct asked {
    struct worker *worker;
    uint64_t number;
    pthread_mutex_t lock;
    size_t left; /* and one for who hands them out */
    bool is_kept, needs_worker;
    char why[1024];
};

/** One interpreter of it. */
struct asked_one {
    struct asked *asked;
    struct recycled *recycled;
};

static void answered(struct asked *asked, enum reload_step step, const char *why) {
    pthread_mutex_lock(&asked->lock);
    asked->is_kept |= step == RELOAD_STEP_KEPT;
    asked->needs_worker |= step == RELOAD_STEP_REPLACED;
    if (why && !asked->why[0]) {
        snprintf(asked->why, sizeof asked->why, "%.1023s", why);
    }
    bool is_last = --asked->left == 0;
    pthread_mutex_unlock(&asked->lock);
    if (is_last) {
        enum reload_outcome outcome = asked->is_kept        ? RELOAD_OUTCOME_KEPT
                                      : asked->needs_worker ? RELOAD_OUTCOME_NEEDS_WORKER
                                                            : RELOAD_OUTCOME_SWITCHED;
        channel_tell(&asked->worker->supervisor,
                     &(struct channel_outgoing){.type = CHANNEL_RELOADED,
                                                .number = asked->number,
                                                .name = reload_outcome_name(outcome),
                                                .text = asked->why});
        pthread_mutex_destroy(&asked->lock);
        free(asked);
    }
}

static void done(void *ctx, const struct reload_event *event) {
    struct asked_one *one = ctx;
    answered(one->asked, event->step, event->err ? event->err->text : NULL);
    atomic_fetch_sub(&one->recycled->asked, 1);
    free(one);
}

/** Names stand one a line; none: all. */
static bool is_named(const char *names, const struct recycled *recycled) {
    if (!names[0]) {
        return true;
    }
    for (size_t i = 0; i < pool_interpreter_app_count(recycled->interpreter); i++) {
        const char *name = pool_app_name(pool_interpreter_app(recycled->interpreter, i));
        size_t size = strlen(name);
        for (const char *at = names; (at = strstr(at, name)); at++) {
            if ((at == names || at[-1] == '\n') && (at[size] == '\n' || at[size] == '\0')) {
                return true;
            }
        }
    }
    return false;
}

static void ask_one(struct asked *asked, struct recycled *recycled) {
    const char *why;
    struct asked_one *one = malloc(sizeof *one);
    pthread_mutex_lock(&asked->lock);
    asked->left++;
    pthread_mutex_unlock(&asked->lock);
    if (!one ||
        recycler_strategy(recycled->recycler, recycled->target, &why) != STRATEGY_INTERPRETER) {
        free(one);
        answered(asked, RELOAD_STEP_REPLACED, one ? why : "out of memory");
        return;
    }
    *one = (struct asked_one){asked, recycled};
    atomic_fetch_add(&recycled->asked, 1);
    reload_target_request(recycled->target, "asked for: fcgi_host reload", done, one);
}

static void reload(void *ctx, uint64_t number, const char *names) {
    struct recycler *recycler = ctx;
    struct asked *asked = calloc(1, sizeof *asked);
    if (!asked) {
        channel_tell(
            &recycler->worker->supervisor,
            &(struct channel_outgoing){.type = CHANNEL_RELOADED,
                                       .number = number,
                                       .name = reload_outcome_name(RELOAD_OUTCOME_NEEDS_WORKER),
                                       .text = "out of memory"});
        return;
    }
    *asked = (struct asked){.worker = recycler->worker, .number = number, .left = 1};
    pthread_mutex_init(&asked->lock, NULL);
    pthread_mutex_lock(&recycler->lock);
    bool is_any = false;
    for (struct recycled *each = recycler->first; each; each = each->next) {
        if (is_named(names, each)) {
            is_any = true;
            ask_one(asked, each);
        }
    }
    pthread_mutex_unlock(&recycler->lock);
    /* A name that this worker does not load (it was given up): a new worker may. */
    answered(asked, is_any ? RELOAD_STEP_SWITCHED : RELOAD_STEP_REPLACED, NULL);
}

/* ---- Status ---- */

static struct recycled *recycled_of(struct recycler *recycler,
                                    const struct application *application) {
    return application->pool_app
               ? recycler_find(recycler, pool_app_interpreter(application->pool_app))
               : NULL;
}

static void write_strategy(void *ctx, const struct application *application,
                           struct json_writer *json) {
    struct recycler *recycler = ctx;
    const char *why = "it is not loaded", *name = "worker";
    pthread_mutex_lock(&recycler->lock);
    struct recycled *recycled = recycled_of(recycler, application);
    if (application->config->reload == RELOAD_MODE_OFF) {
        name = "off";
        why = "reload = off";
    } else if (recycled &&
               recycler_strategy(recycler, recycled->target, &why) == STRATEGY_INTERPRETER) {
        name = "interpreter";
    }
    json_string(json, "strategy", name);
    json_string(json, "why", why);
    pthread_mutex_unlock(&recycler->lock);
}

static void write_extension(struct json_writer *json, const struct stale_extension *extension) {
    json_begin_object(json, NULL);
    json_string(json, "module", extension->module);
    json_string(json, "file", extension->file);
    json_string(json, "init", extension->is_single_phase ? "single-phase" : "multi-phase");
    json_string(json, "verdict", stale_verdict_name(extension->verdict));
    json_integer(json, "findings", extension->findings);
    json_end_object(json);
}

static void write_extensions(void *ctx, const struct application *application,
                             struct json_writer *json) {
    struct recycler *recycler = ctx;
    pthread_mutex_lock(&recycler->lock);
    struct recycled *recycled = recycled_of(recycler, application);
    if (recycled) {
        pthread_mutex_lock(&recycled->lock);
        const struct stale_report *report = recycled->report;
        for (size_t i = 0; report && i < report->extension_count; i++) {
            write_extension(json, &report->extensions[i]);
        }
        pthread_mutex_unlock(&recycled->lock);
    }
    pthread_mutex_unlock(&recycler->lock);
}

void recycler_fill_reload_hooks(struct recycler *recycler) {
    recycler->hooks = (struct reload_hooks){
        .ctx = recycler,
        .reload = reload,
        .write_strategy = write_strategy,
        .write_extensions = write_extensions,
    };
}
