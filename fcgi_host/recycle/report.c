/* What the status shows of reloading. */
#include <stdio.h>
#include <string.h>

#include "fcgi_host/recycle/recycle_internal.h"
#include "fcgi_host/recycle/spare.h"
#include "fcgi_host/status/document.h"
#include "reload/stale/stale.h"

static struct recyclable *find_of_locked(struct recycle *recycle,
                                         const struct application *application) {
    return application->pool_app
               ? recycle_find_locked(recycle, pool_app_interpreter(application->pool_app))
               : NULL;
}

/** @return whether the application is reloaded in the process */
static bool is_recycled(struct recycle *recycle, const struct application *application,
                        char *ret_why, size_t why_bytes) {
    bool is_recycled = false;
    recycle_count_made(recycle);
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = find_of_locked(recycle, application);
    if (recyclable) {
        is_recycled = recycle_strategy(recyclable, ret_why, why_bytes) != STRATEGY_WORKER;
    } else {
        snprintf(ret_why, why_bytes, "it is not loaded");
    }
    pthread_mutex_unlock(&recycle->lock);
    return is_recycled;
}

void recycle_write_strategy(struct recycle *recycle, const struct application *application,
                            const char *moved_why, struct json_writer *json) {
    char why[RECYCLE_WHY_BYTES] = "this worker has no reloader";
    if (application->config->reload == RELOAD_MODE_OFF) {
        document_add_text(json, STATUS_APP_RELOAD_STRATEGY, "off");
        document_add_text(json, STATUS_APP_RELOAD_WHY, "reload = off");
        return;
    }
    bool in_process = recycle && is_recycled(recycle, application, why, sizeof why);
    document_add_text(json, STATUS_APP_RELOAD_STRATEGY, in_process ? "interpreter" : "worker");
    if (atomic_load(&application->needs_restart)) {
        size_t size = strlen(why);
        snprintf(why + size, sizeof why - size,
                 "; the last load found a port or lock in use: with " APPLICATION_RESTART_HINT);
    }
    if (moved_why && !in_process) {
        size_t size = strlen(why);
        snprintf(why + size, sizeof why - size, ": %s", moved_why);
    }
    document_add_text(json, STATUS_APP_RELOAD_WHY, why);
}

/** @return the application's spare, or one that says why it never has one */
static struct spare copy_spare(struct recycle *recycle, const struct application *application) {
    struct spare shown = {.why = "this worker has no reloader"};
    if (application->config->spare == SPARE_OFF) {
        snprintf(shown.why, sizeof shown.why, "spare = off");
    } else if (recycle && recycle->options.makes_no_spares) {
        snprintf(shown.why, sizeof shown.why,
                 "a spare has taken from the code that serves what an extension keeps for one "
                 "interpreter only");
    } else if (application->is_script) {
        snprintf(shown.why, sizeof shown.why, "scripts have none");
    } else if (recycle) {
        pthread_mutex_lock(&recycle->lock);
        struct recyclable *recyclable = find_of_locked(recycle, application);
        if (recyclable && recyclable->spare) {
            shown = *recyclable->spare;
        } else if (recyclable) {
            recycle_strategy(recyclable, shown.why, sizeof shown.why);
        } else {
            snprintf(shown.why, sizeof shown.why, "it is not loaded");
        }
        pthread_mutex_unlock(&recycle->lock);
    }
    return shown;
}

void recycle_write_preload(struct recycle *recycle, const struct application *application,
                           struct json_writer *json) {
    char why[2 * RECYCLE_WHY_BYTES];
    struct spare shown = copy_spare(recycle, application);
    const char *none = shown.modules > 0 ? "" : shown.why;
    snprintf(why, sizeof why, "%s%s%s", none, *none && *shown.left_out ? "; " : "", shown.left_out);
    document_add_integer(json, STATUS_APP_PRELOAD_MODULES, shown.modules);
    document_add_number(json, STATUS_APP_PRELOAD_SAVED_MS, shown.modules ? shown.ms : 0);
    document_add_integer(json, STATUS_APP_PRELOAD_BYTES, shown.modules ? (int64_t)shown.bytes : 0);
    document_add_text(json, STATUS_APP_PRELOAD_WHY, why);
}

void recycle_write_check(struct recycle *recycle, const struct application *application,
                         struct json_writer *json) {
    uint64_t count = 0;
    double last_ms = 0, total_ms = 0;
    if (recycle) {
        pthread_mutex_lock(&recycle->lock);
        struct recyclable *recyclable = find_of_locked(recycle, application);
        if (recyclable) {
            pthread_mutex_lock(&recyclable->lock);
            count = recyclable->checks.count;
            last_ms = recyclable->checks.last_ms;
            total_ms = recyclable->checks.total_ms;
            pthread_mutex_unlock(&recyclable->lock);
        }
        pthread_mutex_unlock(&recycle->lock);
    }
    document_begin_object(json, STATUS_APP_CHECK);
    document_add_integer(json, STATUS_APP_CHECK_COUNT, (int64_t)count);
    document_add_number(json, STATUS_APP_CHECK_TOTAL_MS, total_ms);
    document_add_number(json, STATUS_APP_CHECK_LAST_MS, last_ms);
    json_end_object(json);
}

static void write_extension(struct json_writer *json, const struct stale_extension *extension) {
    json_begin_object(json, NULL);
    document_add_text(json, STATUS_APP_EXTENSION_MODULE, extension->module);
    document_add_text(json, STATUS_APP_EXTENSION_FILE, extension->file);
    document_add_text(json, STATUS_APP_EXTENSION_INIT, module_init_name(extension->init));
    document_add_text(json, STATUS_APP_EXTENSION_EXPORT, module_init_export(extension->init));
    document_add_text(json, STATUS_APP_EXTENSION_VERDICT, stale_verdict_name(extension->verdict));
    document_add_integer(json, STATUS_APP_EXTENSION_FINDINGS, extension->findings);
    json_end_object(json);
}

void recycle_write_extensions(struct recycle *recycle, const struct application *application,
                              struct json_writer *json) {
    if (!recycle) {
        return;
    }
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = find_of_locked(recycle, application);
    if (recyclable) {
        pthread_mutex_lock(&recyclable->lock);
        const struct stale_report *report = recyclable->report;
        for (size_t i = 0; report && i < report->extension_count; i++) {
            write_extension(json, &report->extensions[i]);
        }
        pthread_mutex_unlock(&recyclable->lock);
    }
    pthread_mutex_unlock(&recycle->lock);
}
