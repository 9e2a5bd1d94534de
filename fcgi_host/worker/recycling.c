#include "fcgi_host/worker/recycling.h"

#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/submit.h"
#include "fcgi_host/worker/worker_internal.h"
#include "pool/pool.h"
#include "pool/python/runtime.h"

static void tell_replace_me(const struct worker *worker, enum channel_urgency urgency,
                            const char *interpreter, const char *why) {
    channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_REPLACE_ME,
                                                                 .number = urgency,
                                                                 .name = interpreter,
                                                                 .text = why});
}

static void ask_replacement(void *ctx, const char *interpreter, bool is_barred, const char *why) {
    tell_replace_me(ctx, is_barred ? CHANNEL_IS_BARRED : CHANNEL_MAY_GO_ON, interpreter, why);
}

static void ask_replacement_for_spare(void *ctx, const char *interpreter, const char *why) {
    tell_replace_me(ctx, CHANNEL_SPARE_HARMED, interpreter, why);
}

static void ask_move(void *ctx, const char *interpreter, bool is_barred, const char *why,
                     const char *finding) {
    const struct worker *worker = ctx;
    channel_tell(&worker->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_MOVE_ME,
                                            .number = is_barred ? CHANNEL_MOVE_BARRED
                                                                : CHANNEL_MOVE_TO_RELOAD,
                                            .name = interpreter,
                                            .text = why,
                                            .finding = finding});
}

/** Let no thread begin with a request of an interpreter's applications, until another process has
 *  them. */
static void stop_serving(const struct worker *worker, const char *interpreter, const char *why) {
    struct error failure;
    error_set(&failure, ERR_REFUSED, "%s", why);
    for (size_t i = 0; i < worker->applications.app_count; i++) {
        struct application *application = worker->applications.apps[i];
        if (application->pool_app &&
            strcmp(application_interpreter(application->config), interpreter) == 0) {
            withheld_expect_move(application);
            application_set_failure(application, &failure);
            pool_app_set_failed(application->pool_app, &failure);
        }
    }
}

static void ask_move_found(void *ctx, const char *interpreter, bool is_shared, const char *why,
                           const char *finding) {
    const struct worker *worker = ctx;
    if (is_shared) {
        stop_serving(worker, interpreter, why);
    }
    channel_tell(
        &worker->supervisor,
        &(struct channel_outgoing){.type = CHANNEL_MOVE_ME,
                                   .number = is_shared ? CHANNEL_MOVE_WRONG : CHANNEL_MOVE_FOUND,
                                   .name = interpreter,
                                   .text = why,
                                   .finding = finding});
}

static void tell_reloaded(void *ctx, uint64_t number, enum reload_outcome outcome,
                          const char *why) {
    const struct worker *worker = ctx;
    channel_tell(&worker->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_RELOADED,
                                            .number = number,
                                            .name = reload_outcome_name(outcome),
                                            .text = why});
}

static void tell_reload_ended(void *ctx, const struct application *application,
                              const struct reload_ending *ending) {
    const struct worker *worker = ctx;
    char text[RELOAD_ENDING_BYTES];
    reload_ending_write(ending, text);
    channel_tell(&worker->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_RELOAD_ENDED,
                                            .number = (uint64_t)ending->total_ms,
                                            .name = application->config->name,
                                            .text = text});
}

static void tell_loaded(void *ctx, const struct application *application) {
    const struct worker *worker = ctx;
    channel_tell(
        &worker->supervisor,
        &(struct channel_outgoing){.type = CHANNEL_APP_LOADED, .name = application->config->name});
}

void recycling_start(struct worker *worker) {
    struct error err;
    const struct recycle_options options = {
        .pool = worker->pool,
        .config = worker->start->config,
        .ctx = worker,
        .replace = ask_replacement,
        .replace_for_spare = ask_replacement_for_spare,
        .makes_no_spares = worker->start->makes_no_spares,
        .move = ask_move,
        .move_found = ask_move_found,
        .reloaded = tell_reloaded,
        .ended = tell_reload_ended,
        .loaded = tell_loaded,
    };
    const struct applications *applications = &worker->applications;
    struct recycle *recycle = recycle_new(&options, &err);
    size_t added = 0;
    if (runtime_why_not_checked()) {
        log_line(LOG_WARN, "reload.unchecked", NULL, "%s", runtime_why_not_checked());
    }
    while (recycle && added < applications->interpreter_count &&
           recycle_add(recycle, applications->interpreters[added], &err) == 0) {
        added++;
    }
    if (recycle && added == applications->interpreter_count) {
        worker->loader.recycle = recycle;
        submit_use_recycle(recycle);
        return;
    }
    log_line(LOG_ERROR, "reload.unavailable", NULL, "files are not watched: %s", err.text);
    while (added > 0) {
        recycle_remove(recycle, applications->interpreters[--added]);
    }
}
