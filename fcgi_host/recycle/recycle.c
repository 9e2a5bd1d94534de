#include "fcgi_host/recycle/recycle.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/memory.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/recycle/recycle_internal.h"
#include "fcgi_host/recycle/settings.h"
#include "fcgi_host/recycle/spares.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/runtime.h"
#include "reload/stale/stale.h"

/**
 * Files that imports read become the reloader's, whichever generation reads them: of one
 * interpreter one generation loads at a time, or the serving one.
 * @tstate attached: takes short locks only
 */
static void note_file(void *ctx, struct pool_interpreter *interpreter, const char *path) {
    struct recycle *recycle = ctx;
    pthread_mutex_lock(&recycle->lock);
    struct recyclable *recyclable = recycle_find_locked(recycle, interpreter);
    if (recyclable) {
        reload_target_note_file(recyclable->target, path);
    }
    pthread_mutex_unlock(&recycle->lock);
}

struct recycle *recycle_new(const struct recycle_options *options, struct error *err) {
    struct recycle *recycle = calloc(1, sizeof *recycle);
    if (!recycle) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    recycle->options = *options;
    pthread_mutex_init(&recycle->lock, NULL);
    sem_init(&recycle->end_turn, 0, 1);
    struct reloader_hooks hooks = {.ctx = recycle, .event = recycle_on_event};
    recycle_fill_questions(&hooks);
    recycle->reloader = reloader_new(&hooks, err);
    if (!recycle->reloader) {
        error_prefix(err, "watching files");
        sem_destroy(&recycle->end_turn);
        pthread_mutex_destroy(&recycle->lock);
        free(recycle);
        return NULL;
    }
    recycle->errands = errands_new(recycle);
    spares_begin(recycle);
    const struct wsgi_file_hook file_hook = {.reads = note_file, .ctx = recycle};
    wsgi_set_file_hook(&file_hook);
    return recycle;
}

static void recyclable_free(struct recyclable *recyclable) {
    if (recyclable) {
        spare_free(recyclable->spare);
        stale_check_free(recyclable->check);
        stale_report_free(recyclable->report);
        free(recyclable->finding);
        free(recyclable->modules.bytes);
        pthread_mutex_destroy(&recyclable->lock);
        free(recyclable);
    }
}

static int join_settings(const struct recyclable *recyclable, struct settings *ret_settings) {
    size_t count = recycle_application_count(recyclable);
    const struct app_config **configs = application_configs(recyclable->interpreter);
    *ret_settings = (struct settings){0};
    int outcome = configs ? settings_join(configs, count, ret_settings) : -1;
    free(configs);
    return outcome;
}

static int add_target(struct recyclable *recyclable, const struct settings *settings,
                      struct error *err) {
    const struct recycle *recycle = recyclable->recycle;
    const struct reload_target_options options = {
        .interpreter = recyclable->interpreter,
        .base = settings->base,
        .watch = settings->watch,
        .ignore = settings->ignore,
        .files = settings->files,
        .debounce_ms = settings->debounce_ms,
        .single_ms = settings->single_ms,
        .startup_timeout_ms = recycle->options.config->startup_timeout_s * 1000,
        .drain_ms = settings->drain_timeout_s * 1000,
        .is_watched = settings->is_watched,
        .user = recyclable,
    };
    return reloader_add(recycle->reloader, &options, &recyclable->target, err);
}

static bool owns_gil(const struct recyclable *recyclable) {
    return recycle_application_count(recyclable) > 0 &&
           recycle_application(recyclable, 0)->config->gil_own;
}

int recycle_add(struct recycle *recycle, struct pool_interpreter *interpreter, struct error *err) {
    struct settings settings = {0};
    struct recyclable *recyclable = recycle ? calloc(1, sizeof *recyclable) : NULL;
    if (!recyclable) {
        return recycle ? error_set(err, ERR_MEMORY, "out of memory") : 0;
    }
    pthread_mutex_init(&recyclable->lock, NULL);
    recyclable->recycle = recycle;
    recyclable->interpreter = interpreter;
    if (join_settings(recyclable, &settings) != 0) {
        error_set(err, ERR_MEMORY, "out of memory");
        goto failed;
    }
    if (!pool_interpreter_is_main(interpreter) && !owns_gil(recyclable) &&
        !runtime_why_not_checked()) {
        recyclable->check = stale_check_new(err);
        if (!recyclable->check) {
            goto failed;
        }
    }
    if (spare_new(recyclable, err) != 0 || add_target(recyclable, &settings, err) != 0) {
        goto failed;
    }
    settings_free(&settings);
    pthread_mutex_lock(&recycle->lock);
    recyclable->next = recycle->first;
    recycle->first = recyclable;
    pthread_mutex_unlock(&recycle->lock);
    return 0;

failed:
    settings_free(&settings);
    recyclable_free(recyclable);
    return -1;
}

int recycle_built(struct recycle *recycle, struct generation *generation, char *ret_finding,
                  size_t finding_bytes, struct error *err) {
    struct error found;
    struct recyclable *recyclable = recycle_find(recycle, generation_interpreter(generation));
    if (!recyclable) {
        return 0;
    }
    if (recycle_check_files(recyclable, generation, &found) != 0 ||
        recycle_check_own_gil(recyclable, generation, &found) != 0 || !recyclable->check ||
        recycle_check_loaded(recyclable, NULL, generation, &found) == 0) {
        return 0; /* see recycle_loaded() for a file that was replaced */
    }
    recycle_copy_finding(recyclable, ret_finding, finding_bytes);
    if (*ret_finding == '\0' || found.code != ERR_FAILED ||
        recycle_has_mode(recyclable, RELOAD_MODE_INTERPRETER)) {
        *ret_finding = '\0';
        return 0; /* what was found is logged; it is not recycled */
    }
    return error_set(err, ERR_REFUSED, "%s", found.text);
}

bool recycle_not_built(struct recycle *recycle, const struct pool_interpreter *interpreter,
                       char *ret_finding, size_t finding_bytes, struct error *err) {
    char why[RECYCLE_WHY_BYTES];
    struct recyclable *recyclable = recycle_find(recycle, interpreter);
    if (!recyclable || recycle_has_mode(recyclable, RELOAD_MODE_INTERPRETER) ||
        !recycle_is_unrecyclable(recyclable, why, sizeof why)) {
        return false;
    }
    if (err->code == ERR_REFUSED) {
        return true;
    }
    recycle_copy_finding(recyclable, ret_finding, finding_bytes);
    if (*ret_finding != '\0') {
        error_set(err, ERR_REFUSED, "%s", why);
    }
    return *ret_finding != '\0';
}

void recycle_loaded(struct recycle *recycle, struct pool_interpreter *interpreter) {
    struct recyclable *recyclable = recycle_find(recycle, interpreter);
    if (!recyclable) {
        return;
    }
    const struct error *failure = NULL;
    for (size_t i = 0; i < recycle_application_count(recyclable) && !failure; i++) {
        failure = atomic_load(&recycle_application(recyclable, i)->failure);
    }
    atomic_store(&recycle->base_rss_bytes, memory_resident_bytes());
    reload_target_loaded(recyclable->target, failure);
    spares_note_loaded(recyclable);
    if (!failure) {
        recycle_reload_if_outdated(recyclable);
    }
}

void recycle_dismiss(struct recycle *recycle) {
    if (recycle) {
        reloader_dismiss(recycle->reloader);
        errands_dismiss(recycle->errands);
    }
}

void recycle_hold_edits(struct recycle *recycle, unsigned ms) {
    if (recycle) {
        reloader_hold_edits(recycle->reloader, ms);
    }
}

void recycle_moving(struct recycle *recycle, const struct pool_interpreter *interpreter) {
    struct recyclable *recyclable = recycle_find(recycle, interpreter);
    if (recyclable) {
        reload_target_hold_edits(recyclable->target, CHANNEL_HOLD_EDITS_MS);
    }
}

void recycle_memory_is_short(struct recycle *recycle) {
    if (recycle) {
        spares_memory_is_short(recycle);
    }
}

static struct recyclable *take_out(struct recycle *recycle,
                                   const struct pool_interpreter *interpreter) {
    pthread_mutex_lock(&recycle->lock);
    struct recyclable **at = &recycle->first;
    while (*at && (*at)->interpreter != interpreter) {
        at = &(*at)->next;
    }
    struct recyclable *recyclable = *at;
    if (recyclable) {
        *at = recyclable->next;
    }
    pthread_mutex_unlock(&recycle->lock);
    return recyclable;
}

void recycle_remove(struct recycle *recycle, struct pool_interpreter *interpreter) {
    struct recyclable *recyclable = recycle ? take_out(recycle, interpreter) : NULL;
    if (recyclable) {
        reloader_remove(recycle->reloader, recyclable->target);
        recyclable_free(recyclable);
    }
}
