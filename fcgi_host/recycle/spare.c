#include "pool/python/py_compat.h"

#include "fcgi_host/recycle/spare.h"

#include <stdio.h>
#include <stdlib.h>

#include "fcgi_host/base/control_group.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/memory.h"
#include "fcgi_host/base/memory_room.h"
#include "pool/base/resources.h"

/** Interpreters spoilt by what turned out not to be importable in advance: each knows more. */
enum { ROUNDS_MAX = 8 };

/** How long preparing may take: an edit waits for it where a library waits for the application. */
enum { PREPARE_MS = 10000, PREPARE_FACTOR = 4 };

/** Keep what was learnt. @param memory  taken over */
static void keep_memory(struct recyclable *recyclable, struct wsgi_modules memory) {
    pthread_mutex_lock(&recyclable->recycle->lock);
    free(recyclable->spare->memory.bytes);
    recyclable->spare->memory = memory;
    pthread_mutex_unlock(&recyclable->recycle->lock);
}

int recycle_prepare(struct recycle *recycle, struct generation *generation, struct error *err) {
    struct recyclable *recyclable = recycle_find(recycle, generation_interpreter(generation));
    struct wsgi_preload_report report;
    if (!recyclable) {
        return error_set(err, ERR_CLOSED, "the application leaves this process");
    }
    struct spare *spare = recyclable->spare;
    const struct wsgi_preload_order order = {.list = spare->list, .memory = spare->memory};
    if (wsgi_preload_prepare(&order, &report, err) != 0) {
        free(report.memory.bytes);
        return -1;
    }
    keep_memory(recyclable, report.memory);
    pthread_mutex_lock(&recycle->lock);
    spare->may_serve = report.may_serve;
    spare->modules = report.modules;
    spare->ms = report.ms;
    snprintf(spare->left_out, sizeof spare->left_out, "%s", report.why);
    pthread_mutex_unlock(&recycle->lock);
    return 0;
}

void recycle_cold(struct recycle *recycle, struct generation *generation, const struct error *why) {
    struct recyclable *recyclable = recycle_find(recycle, generation_interpreter(generation));
    struct wsgi_modules memory = {0};
    char left_out[RECYCLE_WHY_BYTES];
    struct error err;
    if (!recyclable) {
        return; /* the application leaves this process */
    }
    if (wsgi_preload_cold(&memory, left_out, sizeof left_out, &err) == 0) {
        keep_memory(recyclable, memory);
    }
    const struct log_about about = {.app = recycle_application(recyclable, 0)->config->name,
                                    .generation = generation_number(generation)};
    pthread_mutex_lock(&recycle->lock);
    struct spare *spare = recyclable->spare;
    bool is_last = ++spare->colds == SPARE_COLD_MAX;
    spare->modules = 0;
    const char *then = "; that was the third time in a row: none is made for ten reloads";
    snprintf(spare->why, sizeof spare->why, "%.300s%s", why->text, is_last ? then : "");
    pthread_mutex_unlock(&recycle->lock);
    Py_BEGIN_ALLOW_THREADS;
    log_line(LOG_INFO, "spare.cold", &about, "the spare did not fit: %s", why->text);
    Py_END_ALLOW_THREADS;
}

/* ---- Making ---- */

static int describe(void *arg, struct error *err) {
    return wsgi_preload_describe(arg, err);
}

/** @return 0 with spare->list, or -1 */
static int read_list(struct recyclable *recyclable, struct generation *serving, struct error *err) {
    struct wsgi_modules list = {0};
    if (pool_run(serving, describe, &list, err) != 0) {
        return -1;
    }
    free(recyclable->spare->list.bytes);
    recyclable->spare->list = list;
    return 0;
}

/** @return ms, by how long the libraries took before */
static unsigned limit_ms(const struct recyclable *recyclable, const struct generation *serving) {
    unsigned startup_ms = recyclable->recycle->options.config->startup_timeout_s * 1000;
    double load_ms = generation_load_ms(serving), spare_ms = recyclable->spare->ms;
    double most_ms = PREPARE_MS + PREPARE_FACTOR * (load_ms > spare_ms ? load_ms : spare_ms);
    return startup_ms && startup_ms < most_ms ? startup_ms : (unsigned)most_ms;
}

/** Make spares until one is not spoilt by what it has to leave out.
 *  @return 0, or -1: ERR_BUSY (an edit has come), and as pool_spare_make() */
static int make_fit(struct recyclable *recyclable, struct generation *serving,
                    struct generation **ret_spare, struct error *err) {
    struct spare *spare = recyclable->spare;
    unsigned timeout_ms = limit_ms(recyclable, serving);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        recycle_check_before_load(recyclable, serving);
        if (pool_spare_make(recyclable->interpreter, timeout_ms, ret_spare, err) != 0) {
            return -1;
        }
        if (spare->may_serve) {
            return 0;
        }
        pool_discard(*ret_spare);
        if (!spare_is_wanted(recyclable->recycle, recyclable->interpreter)) {
            return error_set(err, ERR_BUSY, "an edit has come meanwhile");
        }
    }
    return error_set(err, ERR_FAILED, "libraries cannot be imported in advance; %s",
                     spare->left_out);
}

/** @return 0, or -1 with `err`: there is no spare */
static int make_beside(struct recyclable *recyclable, struct generation *serving,
                       struct error *err) {
    struct generation *made;
    bool harms;
    if (read_list(recyclable, serving, err) != 0 ||
        make_fit(recyclable, serving, &made, err) != 0) {
        return -1;
    }
    if (recycle_check_spare(recyclable, serving, made, &harms, err) != 0) {
        pool_discard(made);
        if (harms && recycle_refuses_stale(recyclable, err)) {
            recycle_refuse(recyclable, err);
        } else if (harms) {
            const struct recycle_options *options = &recyclable->recycle->options;
            options->replace_for_spare(options->ctx, pool_interpreter_name(recyclable->interpreter),
                                       err->text);
        }
        return -1;
    }
    pool_spare_offer(made);
    return 0;
}

void spare_give_back(struct recyclable *recyclable) {
    struct generation *spare = pool_spare_take(recyclable->interpreter);
    if (spare) {
        pool_discard(spare);
    }
}

/** @return 0, or -1 with ERR_EXHAUSTED */
static int check_room(const struct recyclable *recyclable, struct error *err) {
    const uint64_t least_bytes = (uint64_t)RESOURCES_MEMORY_MB << 20;
    uint64_t wanted_bytes = recyclable->spare->bytes;
    wanted_bytes = wanted_bytes > least_bytes ? wanted_bytes : least_bytes;
    uint64_t room_bytes = memory_room_bytes(CONTROL_GROUP_MOUNTS, CONTROL_GROUP_OWN);
    if (room_bytes >= wanted_bytes) {
        return 0;
    }
    return error_set(err, ERR_EXHAUSTED, "memory is short: %u MiB are left, it needs %u",
                     (unsigned)(room_bytes >> 20), (unsigned)(wanted_bytes >> 20));
}

static int make_measured(struct recyclable *recyclable, struct generation *serving,
                         struct error *err) {
    uint64_t before_bytes = memory_resident_bytes();
    int outcome = make_beside(recyclable, serving, err);
    uint64_t after_bytes = memory_resident_bytes();
    if (outcome == 0) {
        recyclable->spare->bytes = after_bytes > before_bytes ? after_bytes - before_bytes : 0;
    }
    return outcome;
}

int spare_make(struct recyclable *recyclable, struct error *err) {
    char why[RECYCLE_WHY_BYTES];
    spare_give_back(recyclable); /* the one before, which is outdated */
    if (check_room(recyclable, err) != 0) {
        return -1;
    }
    struct generation *serving = pool_hold_current(recyclable->interpreter);
    if (!serving) {
        return error_set(err, ERR_FAILED, "it does not serve");
    }
    int outcome =
        recycle_look_and_choose(recyclable, serving, why, sizeof why) == STRATEGY_INTERPRETER
            ? make_measured(recyclable, serving, err)
            : error_set(err, ERR_FAILED, "%s", why);
    generation_let_go(serving);
    return outcome;
}
