/* What the reloader asks: in which way to reload, and whether what was loaded may serve. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/link/channel.h"
#include "fcgi_host/recycle/late_modules.h"
#include "fcgi_host/recycle/recycle_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/runtime.h"

enum {
    /** Generations that could not be ended: each keeps its memory and its stuck threads. */
    ZOMBIES_MAX = 3,
};

/* ---- Strategy ---- */

static bool is_over_budget(const struct recycle *recycle) {
    uint64_t budget_bytes = (uint64_t)recycle->options.config->recycle_budget_mb << 20;
    uint64_t base_bytes = atomic_load(&recycle->base_rss_bytes);
    uint64_t now_bytes = atomic_load(&recycle->rss_bytes);
    return budget_bytes && base_bytes && now_bytes > base_bytes + budget_bytes;
}

void recycle_count_made(struct recycle *recycle) {
    size_t unseen;
    runtime_made_interpreters(&unseen);
    atomic_store(&recycle->has_unseen, unseen > 0);
}

/** What of the process as a whole forbids to end an interpreter. @return NULL: nothing */
static const char *find_obstacle(const struct recycle *recycle) {
    if (runtime_why_not_checked()) {
        return runtime_why_not_checked();
    }
    if (runtime_traces_memory()) {
        return "tracemalloc is tracing: Python may crash where an interpreter ends";
    }
    return atomic_load(&recycle->has_unseen)
               ? "an application has made an interpreter with its own GIL, which no check sees"
               : NULL;
}

bool recycle_has_mode(const struct recyclable *recyclable, enum reload_mode mode) {
    for (size_t i = 0; i < recycle_application_count(recyclable); i++) {
        if (recycle_application(recyclable, i)->config->reload == mode) {
            return true;
        }
    }
    return false;
}

bool recycle_is_unrecyclable(struct recyclable *recyclable, char *ret_why, size_t why_bytes) {
    pthread_mutex_lock(&recyclable->lock);
    bool is_unrecyclable = recyclable->unrecyclable[0] != '\0';
    if (is_unrecyclable) {
        snprintf(ret_why, why_bytes, "%s", recyclable->unrecyclable);
    }
    pthread_mutex_unlock(&recyclable->lock);
    return is_unrecyclable;
}

enum reload_strategy recycle_strategy(struct recyclable *recyclable, char *ret_why,
                                      size_t why_bytes) {
    const struct recycle *recycle = recyclable->recycle;
    bool is_restart = recycle_has_mode(recyclable, RELOAD_MODE_RESTART);
    bool is_forced = recycle_has_mode(recyclable, RELOAD_MODE_INTERPRETER) && !is_restart;
    const char *why = NULL;
    if (recycle_has_mode(recyclable, RELOAD_MODE_WORKER)) {
        why = "reload = worker";
    } else if (pool_interpreter_is_main(recyclable->interpreter)) {
        why = "it runs in the main interpreter";
    } else if ((why = find_obstacle(recycle))) {
        /* whatever `reload` says */
    } else if (!recyclable->check && !runtime_recycles_own_gil()) {
        why = "its interpreter has a GIL of its own";
    } else if (pool_zombies(recycle->options.pool) >= ZOMBIES_MAX) {
        why = "too many generations could not be ended";
    } else if (is_over_budget(recycle)) {
        why = "memory grown over recycles exceeds recycle_budget_mb";
    } else if (recycle_is_outdated(recyclable, ret_why, why_bytes)) {
        return STRATEGY_WORKER;
    } else if (!is_forced && !runtime_can_end_interpreters()) {
        why = "this CPython leaves objects of ended interpreters linked";
    } else if (!is_forced && recycle_is_unrecyclable(recyclable, ret_why, why_bytes)) {
        return STRATEGY_WORKER;
    }
    if (why) {
        snprintf(ret_why, why_bytes, "%s", why);
        return STRATEGY_WORKER;
    }
    if (is_restart) {
        snprintf(ret_why, why_bytes, "reload = restart: the old generation ends first");
        return STRATEGY_RESTART;
    }
    snprintf(ret_why, why_bytes, "%s",
             is_forced ? "reload = interpreter" : "every extension it loaded can be recycled");
    return STRATEGY_INTERPRETER;
}

enum reload_strategy recycle_look_and_choose(struct recyclable *recyclable,
                                             struct generation *serving, char *ret_why,
                                             size_t why_bytes) {
    struct error err;
    recycle_count_made(recyclable->recycle);
    enum reload_strategy strategy = recycle_strategy(recyclable, ret_why, why_bytes);
    if (strategy == STRATEGY_WORKER || !serving ||
        (recycle_check_files(recyclable, serving, &err) == 0 &&
         recycle_check_own_gil(recyclable, serving, &err) == 0)) {
        return strategy;
    }
    return recycle_strategy(recyclable, ret_why, why_bytes);
}

static enum reload_strategy answer_strategy(void *ctx, struct reload_target *target,
                                            const char **ret_why) {
    (void)ctx;
    struct recyclable *recyclable = reload_target_user(target);
    *ret_why = recyclable->strategy_why;
    return recycle_look_and_choose(recyclable, pool_current(recyclable->interpreter),
                                   recyclable->strategy_why, sizeof recyclable->strategy_why);
}

/** @param[out] ret_finding  as in channel.h
 *  @return whether it is these applications that cannot be reloaded in this process */
static bool is_their_own(struct recyclable *recyclable, bool is_barred, const struct error *why,
                         char *ret_finding, size_t finding_bytes) {
    char unused[RECYCLE_WHY_BYTES];
    if (why->code == ERR_REFUSED) {
        char file[PATH_MAX];
        pool_interpreter_refused_file(recyclable->interpreter, file, sizeof file);
        channel_name_finding("refuses", file, ret_finding, finding_bytes);
        return true;
    }
    recycle_copy_finding(recyclable, ret_finding, finding_bytes);
    return is_barred || recycle_is_unrecyclable(recyclable, unused, sizeof unused);
}

static void ask_replacement(void *ctx, struct reload_target *target, bool is_barred,
                            const char *cause, const struct error *why) {
    const struct recycle *recycle = ctx;
    struct recyclable *recyclable = reload_target_user(target);
    /* A reload by hand is answered before the old interpreter ends; of what led to its answer the
     * supervisor, which asked, makes a replacement. */
    if (is_barred || atomic_load(&recyclable->asked) == 0) {
        char text[1024];
        char finding[CHANNEL_FINDING_BYTES];
        const char *interpreter = pool_interpreter_name(recyclable->interpreter);
        snprintf(text, sizeof text, "%s: %.600s", cause, why->text);
        if (is_their_own(recyclable, is_barred, why, finding, sizeof finding)) {
            recycle_moving(recyclable->recycle, recyclable->interpreter);
            recycle->options.move(recycle->options.ctx, interpreter, is_barred, text, finding);
        } else {
            recycle->options.replace(recycle->options.ctx, interpreter, is_barred, text);
        }
    }
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

/** Ask the next generation for the `check` page of each application. */
static int check_pages(const struct recyclable *recyclable, struct generation *next,
                       struct error *err) {
    for (size_t i = 0; i < recycle_application_count(recyclable); i++) {
        const struct application *application = recycle_application(recyclable, i);
        struct page_check check = {generation_loaded(next, application->pool_app),
                                   application->config->check};
        if (check.path && check.loaded && pool_run(next, check_page, &check, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/** What requests have imported until now.  Without it the next generation is not asked for more
 *  than its applications. */
static void note_modules(struct recyclable *recyclable, struct generation *serving) {
    struct wsgi_modules modules;
    if (late_modules_describe(serving, &modules, NULL) == 0) {
        free(recyclable->modules.bytes);
        recyclable->modules = modules;
    }
}

/** Import what the generation before had imported and has changed. @return 0, or -1 with `err` */
static int check_modules(const struct recyclable *recyclable, struct generation *next,
                         struct error *err) {
    const struct wsgi_modules *modules = &recyclable->modules;
    unsigned timeout_ms = recyclable->recycle->options.config->startup_timeout_s * 1000;
    return modules->bytes ? late_modules_import(next, modules, timeout_ms, err) : 0;
}

static void check_before_load(void *ctx, struct reload_target *target, struct generation *serving) {
    (void)ctx;
    struct recyclable *recyclable = reload_target_user(target);
    if (serving) {
        note_modules(recyclable, serving);
    }
    if (recyclable->check && serving) {
        recycle_check_before_load(recyclable, serving);
    }
}

static enum reload_decision check_before_switch(void *ctx, struct reload_target *target,
                                                struct generation *next, struct error *err) {
    (void)ctx;
    struct recyclable *recyclable = reload_target_user(target);
    if (check_modules(recyclable, next, err) != 0 || check_pages(recyclable, next, err) != 0) {
        return DECISION_KEEP;
    }
    if ((recyclable->check && recycle_check_files(recyclable, next, err) != 0) ||
        recycle_check_own_gil(recyclable, next, err) != 0) {
        return DECISION_REPLACE_WORKER;
    }
    struct generation *serving = pool_current(recyclable->interpreter);
    recycle_count_made(recyclable->recycle);
    const char *obstacle = serving ? find_obstacle(recyclable->recycle) : NULL;
    if (obstacle) { /* made by what has loaded */
        error_set(err, ERR_BUSY, "%s", obstacle);
        return DECISION_REPLACE_WORKER;
    }
    int outcome = recyclable->check ? recycle_check_loaded(recyclable, serving, next, err) : 0;
    if (outcome == 0 && recyclable->check && !serving) {
        outcome = recycle_check_ended(recyclable, next, err);
    }
    if (outcome != 0) {
        return recycle_refuses_stale(recyclable, err) ? DECISION_REFUSE : DECISION_REPLACE_WORKER;
    }
    return DECISION_SWITCH;
}

static int check_after_end(void *ctx, struct reload_target *target, struct generation *serving,
                           struct error *err) {
    (void)ctx;
    struct recyclable *recyclable = reload_target_user(target);
    return recycle_check_after_end(recyclable, serving, err);
}

void recycle_fill_questions(struct reloader_hooks *hooks) {
    hooks->strategy = answer_strategy;
    hooks->replace = ask_replacement;
    hooks->before_load = check_before_load;
    hooks->before_switch = check_before_switch;
    hooks->after_end = check_after_end;
}
