/* What the reloader tells: written to the log, kept in the application, told to the supervisor. */
#include <stdio.h>
#include <time.h>

#include "fcgi_host/app/live.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/memory.h"
#include "fcgi_host/recycle/looks.h"
#include "fcgi_host/recycle/recycle_internal.h"
#include "fcgi_host/recycle/spares.h"

static void note_last(struct recyclable *recyclable, struct application *application,
                      enum reload_outcome outcome, const struct reload_event *event) {
    struct reload_ending last = {
        .outcome = outcome, .total_ms = event->total_ms, .at_s = time(NULL)};
    snprintf(last.cause, sizeof last.cause, "%s", event->cause);
    pthread_mutex_lock(&recyclable->lock);
    snprintf(last.verdict, sizeof last.verdict, "%s", recyclable->verdict);
    pthread_mutex_unlock(&recyclable->lock);
    if (outcome == RELOAD_OUTCOME_KEPT) {
        reload_ending_set_why(&last, event->err->text);
    }
    application_set_reload(application, &last);
    const struct recycle_options *options = &recyclable->recycle->options;
    options->ended(options->ctx, application, &last);
}

static void note_switched(struct recyclable *recyclable, struct application *application,
                          const struct reload_event *event, const struct log_about *about) {
    const struct recycle_options *options = &recyclable->recycle->options;
    struct generation *serving = pool_current(recyclable->interpreter);
    double load_ms = serving ? generation_load_ms(serving) : 0;
    if (serving && !generation_loaded(serving, application->pool_app)) {
        return; /* this application, one of several in the interpreter, never loaded */
    }
    application_set_failure(application, NULL);
    atomic_store(&application->needs_restart, false);
    pool_app_set_failed(application->pool_app, NULL);
    application_set_serving(application, event->generation, load_ms, time(NULL));
    note_last(recyclable, application, RELOAD_OUTCOME_SWITCHED, event);
    options->loaded(options->ctx, application);
    log_line(LOG_INFO, "reload.switched", about, "%s; %.0f ms, of which loading %.1f ms",
             event->cause, event->total_ms, load_ms);
}

/** Whether the load found something taken that the generation which still serves may hold. */
static bool may_restart_help(const struct application *application, const struct error *err) {
    return application->config->reload != RELOAD_MODE_RESTART && error_is_in_use(err);
}

static void note_kept(struct recyclable *recyclable, struct application *application,
                      const struct reload_event *event, const struct log_about *about) {
    bool serves = pool_current(recyclable->interpreter) != NULL;
    note_last(recyclable, application, RELOAD_OUTCOME_KEPT, event);
    if (!serves || application->config->dev) { /* `dev` shows it in the browser */
        application_set_failure(application, event->err);
        pool_app_set_failed(application->pool_app, event->err);
    }
    bool is_hint = serves && may_restart_help(application, event->err);
    atomic_store(&application->needs_restart, is_hint);
    log_line(LOG_ERROR, "reload.kept", about, "%s; %s%s: %s", event->cause,
             serves ? "the generation before goes on" : "it does not serve",
             is_hint ? " (and may hold what is in use: with " APPLICATION_RESTART_HINT ")" : "",
             event->err->text);
}

void recycle_refuse(struct recyclable *recyclable, const struct error *err) {
    struct error failure;
    error_set(&failure, ERR_FAILED, "%s", err->text); /* the code of a 503 */
    for (size_t i = 0; i < recycle_application_count(recyclable); i++) {
        struct application *application = recycle_application(recyclable, i);
        const struct log_about about = {.app = application->config->name};
        application_set_failure(application, &failure);
        pool_app_set_failed(application->pool_app, &failure);
        log_line(LOG_ERROR, "stale.refused", &about,
                 "on_stale = refuse: status 503 until the next edit or reload: %s", err->text);
    }
}

static void note_step(struct recyclable *recyclable, struct application *application,
                      const struct reload_event *event) {
    const struct log_about about = {.app = application->config->name,
                                    .generation = event->generation};
    switch (event->step) {
    case RELOAD_STEP_DETECTED:
        live_expect(application->config);
        log_line(LOG_INFO, "reload.detected", &about, "%s", event->cause);
        break;
    case RELOAD_STEP_SWITCHED:
        note_switched(recyclable, application, event, &about);
        break;
    case RELOAD_STEP_KEPT:
        note_kept(recyclable, application, event, &about);
        break;
    case RELOAD_STEP_REFUSED:
        note_last(recyclable, application, RELOAD_OUTCOME_KEPT, event);
        break;
    case RELOAD_STEP_REPLACED:
        note_last(recyclable, application, RELOAD_OUTCOME_REPLACED, event);
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
    case RELOAD_STEP_ZOMBIE: /* the pool's hook logs every zombie */
    case RELOAD_STEP_SETTLED:
    case RELOAD_STEP_UNREAD:
    case RELOAD_STEP_WATCH_LIMIT:
        break;
    }
}

void recycle_on_event(void *ctx, struct reload_target *target, const struct reload_event *event) {
    struct recycle *recycle = ctx;
    if (event->step == RELOAD_STEP_WATCH_LIMIT) {
        log_line(LOG_WARN, "reload.watch_limit", NULL, "%s; polling every %d ms", event->err->text,
                 RELOAD_POLL_MS);
        return;
    }
    struct recyclable *recyclable = reload_target_user(target);
    if (event->step == RELOAD_STEP_UNREAD) {
        const struct log_about about = {.app = recycle_application(recyclable, 0)->config->name};
        log_line(LOG_WARN, "reload.unread", &about, "%s: %s", event->cause, event->err->text);
        return;
    }
    if (event->step == RELOAD_STEP_DETECTED) {
        pthread_mutex_lock(&recyclable->lock);
        recyclable->verdict[0] =
            '\0'; /* of the reload before; what is to be loaded is not checked */
        pthread_mutex_unlock(&recyclable->lock);
    }
    if (event->step == RELOAD_STEP_RETIRED) {
        atomic_store(&recycle->rss_bytes, memory_resident_bytes());
    }
    if (event->step == RELOAD_STEP_REFUSED) {
        recycle_refuse(recyclable, event->err);
    }
    spares_note_step(recyclable, event->step);
    if (event->step == RELOAD_STEP_SWITCHED) {
        looks_note_switched(recyclable);
    }
    for (size_t i = 0; i < recycle_application_count(recyclable); i++) {
        note_step(recyclable, recycle_application(recyclable, i), event);
    }
}
