/* What the reloader asks, and what becomes of what it tells. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/recycle/recycle_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/runtime.h"

static struct application *application_at(const struct recycled *recycled, size_t index) {
    return pool_app_user(pool_interpreter_app(recycled->interpreter, index));
}

static size_t application_count(const struct recycled *recycled) {
    return pool_interpreter_app_count(recycled->interpreter);
}

/* ---- Strategy ---- */

long recycler_rss_kb(void) {
    long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%ld %ld", &size, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static bool is_over_budget(const struct recycler *recycler) {
    unsigned budget_mb = recycler->worker->config->recycle_budget_mb;
    long base_kb = atomic_load(&recycler->base_rss_kb), now_kb = atomic_load(&recycler->rss_kb);
    return budget_mb && base_kb && now_kb - base_kb > (long)budget_mb * 1024;
}

static bool has_mode(const struct recycled *recycled, enum reload_mode mode) {
    for (size_t i = 0; i < application_count(recycled); i++) {
        if (application_at(recycled, i)->config->reload == mode) {
            return true;
        }
    }
    return false;
}

enum reload_strategy recycler_strategy(void *ctx, struct reload_target *target,
                                       const char **ret_why) {
    struct recycler *recycler = ctx;
    struct recycled *recycled = reload_target_user(target);
    bool is_forced = has_mode(recycled, RELOAD_MODE_INTERPRETER);
    *ret_why = NULL;
    if (has_mode(recycled, RELOAD_MODE_WORKER)) {
        *ret_why = "reload = worker";
    } else if (pool_interpreter_is_main(recycled->interpreter)) {
        *ret_why = "it runs in the main interpreter";
    } else if (!recycled->check) {
        *ret_why = "its interpreter has a GIL of its own";
    } else if (pool_zombies(recycler->worker->pool) >= RECYCLER_ZOMBIES_MAX) {
        *ret_why = "too many generations could not be ended";
    } else if (is_over_budget(recycler)) {
        *ret_why = "memory grown over recycles exceeds recycle_budget_mb";
    } else if (!is_forced && !runtime_can_end_interpreters()) {
        *ret_why = "this CPython leaves objects of ended interpreters linked";
    } else if (!is_forced && recycled->unrecyclable[0]) { /* written before it serves, and final */
        *ret_why = recycled->unrecyclable;
    }
    if (*ret_why) {
        return STRATEGY_WORKER;
    }
    *ret_why = is_forced ? "reload = interpreter" : "every extension it loaded can be recycled";
    return STRATEGY_INTERPRETER;
}

/* ---- Checks ---- */

struct page_check {
    void *loaded;
    const char *path;
};

static int check_page(void *arg, struct error *err) {
    const struct page_check *check = arg;
    return wsgi_check(check->loaded, check->path, err);
}

/** The `check` page of each application, asked of the generation that is to serve. */
static int check_pages(const struct recycled *recycled, struct generation *next,
                       struct error *err) {
    for (size_t i = 0; i < application_count(recycled); i++) {
        const struct application *application = application_at(recycled, i);
        struct page_check check = {generation_loaded(next, application->pool_app),
                                   application->config->check};
        if (check.path && check.loaded && pool_run(next, check_page, &check, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static void before_load(void *ctx, struct reload_target *target, struct generation *serving) {
    (void)ctx;
    struct recycled *recycled = reload_target_user(target);
    if (recycled->check && serving) {
        recycler_check_before_load(recycled, serving);
    }
}

static enum reload_decision before_switch(void *ctx, struct reload_target *target,
                                          struct generation *next, struct error *err) {
    (void)ctx;
    struct recycled *recycled = reload_target_user(target);
    if (check_pages(recycled, next, err) != 0) {
        return DECISION_KEEP;
    }
    struct generation *serving = pool_current(recycled->interpreter);
    if (recycled->check && recycler_check_loaded(recycled, serving, next, err) != 0) {
        return DECISION_REPLACE_WORKER;
    }
    return DECISION_SWITCH;
}

static int after_end(void *ctx, struct reload_target *target, struct generation *serving,
                     struct error *err) {
    (void)ctx;
    struct recycled *recycled = reload_target_user(target);
    return recycler_check_after_end(recycled, serving, err);
}

static void replace(void *ctx, struct reload_target *target, const char *cause, const char *why) {
    struct recycler *recycler = ctx;
    struct recycled *recycled = reload_target_user(target);
    if (atomic_load(&recycled->asked) == 0) { /* else the supervisor, which asked, replaces */
        char text[1024];
        snprintf(text, sizeof text, "%s: %.600s", cause, why);
        channel_tell(&recycler->worker->supervisor,
                     &(struct channel_outgoing){.type = CHANNEL_REPLACE_ME, .text = text});
    }
}

/* ---- News ---- */

static const char *verdict_of(struct recycled *recycled, char *ret_verdict, size_t size) {
    pthread_mutex_lock(&recycled->lock);
    snprintf(ret_verdict, size, "%s", recycled->verdict);
    pthread_mutex_unlock(&recycled->lock);
    return ret_verdict;
}

static void note_last(struct recycled *recycled, struct application *application,
                      enum reload_outcome outcome, const struct reload_event *event) {
    struct application_reload last = {
        .outcome = outcome, .total_ms = event->total_ms, .at_s = time(NULL)};
    snprintf(last.cause, sizeof last.cause, "%s", event->cause);
    verdict_of(recycled, last.verdict, sizeof last.verdict);
    application_set_reload(application, &last);
}

static void switched(struct recycled *recycled, struct application *application,
                     const struct reload_event *event, const struct log_about *about) {
    struct generation *serving = pool_current(recycled->interpreter);
    double load_ms = serving ? generation_load_ms(serving) : 0;
    if (serving && !generation_loaded(serving, application->pool_app)) {
        return; /* one of several in this interpreter, which never loaded */
    }
    application_set_failure(application, NULL);
    pool_app_set_failed(application->pool_app, NULL);
    application_set_serving(application, event->generation, load_ms, time(NULL));
    note_last(recycled, application, RELOAD_OUTCOME_SWITCHED, event);
    channel_tell(
        &recycled->recycler->worker->supervisor,
        &(struct channel_outgoing){.type = CHANNEL_APP_LOADED, .name = application->config->name});
    log_line(LOG_INFO, "reload.switched", about, "%s; %.0f ms, of which loading %.1f ms",
             event->cause, event->total_ms, load_ms);
}

static void kept(struct recycled *recycled, struct application *application,
                 const struct reload_event *event, const struct log_about *about) {
    bool serves = pool_current(recycled->interpreter) != NULL;
    note_last(recycled, application, RELOAD_OUTCOME_KEPT, event);
    if (!serves || application->config->dev) { /* `dev`: the error is shown until it is repaired */
        application_set_failure(application, event->err);
        pool_app_set_failed(application->pool_app, event->err);
    }
    log_line(LOG_ERROR, "reload.kept", about, "%s; %s: %s", event->cause,
             serves ? "the generation before goes on" : "it still does not serve",
             event->err->text);
}

static void tell_one(struct recycled *recycled, struct application *application,
                     const struct reload_event *event) {
    const struct log_about about = {.app = application->config->name,
                                    .generation = event->generation};
    switch (event->step) {
    case RELOAD_STEP_DETECTED:
        log_line(LOG_INFO, "reload.detected", &about, "%s", event->cause);
        break;
    case RELOAD_STEP_SWITCHED:
        switched(recycled, application, event, &about);
        break;
    case RELOAD_STEP_KEPT:
        kept(recycled, application, event, &about);
        break;
    case RELOAD_STEP_REPLACED:
        note_last(recycled, application, RELOAD_OUTCOME_REPLACED, event);
        log_line(LOG_INFO, "reload.worker", &about, "%s; a new worker is needed: %s", event->cause,
                 event->err->text);
        break;
    case RELOAD_STEP_DRAINED:
        log_line(LOG_INFO, "reload.drained", &about, "its last request has ended");
        break;
    case RELOAD_STEP_RETIRED:
        log_line(LOG_INFO, "reload.retired", &about, "its interpreter has ended");
        break;
    case RELOAD_STEP_UNCHANGED:
        log_line(LOG_DEBUG, "reload.unchanged", &about, "its files hold what was loaded");
        break;
    case RELOAD_STEP_ZOMBIE: /* the pool tells of every one, not only of those that reloads leave */
    case RELOAD_STEP_WATCH_LIMIT:
        break;
    }
}

static void event(void *ctx, struct reload_target *target, const struct reload_event *event) {
    struct recycler *recycler = ctx;
    if (event->step == RELOAD_STEP_WATCH_LIMIT) {
        log_line(LOG_WARN, "reload.watch_limit", NULL, "%s; polling every %d ms", event->err->text,
                 RELOAD_POLL_MS);
        return;
    }
    struct recycled *recycled = reload_target_user(target);
    if (event->step == RELOAD_STEP_RETIRED) {
        atomic_store(&recycler->rss_kb, recycler_rss_kb());
    }
    for (size_t i = 0; i < application_count(recycled); i++) {
        tell_one(recycled, application_at(recycled, i), event);
    }
}

void recycler_fill_reloader_hooks(struct recycler *recycler, struct reloader_hooks *hooks) {
    *hooks = (struct reloader_hooks){
        .ctx = recycler,
        .strategy = recycler_strategy,
        .before_load = before_load,
        .before_switch = before_switch,
        .after_end = after_end,
        .replace = replace,
        .event = event,
    };
}
