/* The end of the generation before: after the switch, or before the next one is built. */
#include <stdlib.h>

#include "pool/base/thread.h"
#include "reload/reloader_internal.h"

/** How long the first answer of a new generation is waited for. */
enum { FIRST_ANSWER_MS = 250 };

struct retirement {
    struct reload_run run; /* a copy: cause and times */
    struct generation *old;
};

/* The gate is closed; open it if nothing speaks against that. */
static void look_after_end(struct retirement *retirement, enum generation_state state) {
    struct reload_run *run = &retirement->run;
    struct reload_target *target = run->target;
    /* Reloads may have gone on: not always the one that followed on the old one. */
    struct generation *serving = pool_hold_current(target->interpreter);
    int failed = state != GENERATION_RETIRED
                     ? error_set(&run->err, ERR_TIMEOUT, "the old interpreter does not end")
                     : run->hooks->after_end(run->hooks->ctx, target, serving, &run->err);
    if (!failed) {
        pool_gate_open(target->interpreter);
    } else {
        /* The gate stays closed: what waits is for the next worker. */
        pool_bar(target->interpreter);
        run->hooks->replace(run->hooks->ctx, target, true, run->cause, &run->err);
        reload_run_tell(run, RELOAD_STEP_REPLACED, serving ? generation_number(serving) : 0,
                        &run->err);
    }
    if (serving) {
        generation_let_go(serving);
    }
}

/* To end an interpreter takes the GIL for many milliseconds: the first answer of the new code,
 * which somebody who has just saved a file waits for, comes first. */
static void await_answer(const struct reload_target *target) {
    struct generation *serving = pool_hold_current(target->interpreter);
    if (serving) {
        pool_await_answer(serving, FIRST_ANSWER_MS);
        generation_let_go(serving);
    }
}

/* Thread body: a long response may take its time while the next reload goes on. */
static void *retire_old(void *arg) {
    struct retirement *retirement = arg;
    struct reload_run *run = &retirement->run;
    struct reload_target *target = run->target;
    uint64_t number = generation_number(retirement->old);
    bool is_gate_closed = false;
    await_answer(target);
    enum generation_state state =
        pool_retire_gated(retirement->old, target->drain_ms, &is_gate_closed);
    reload_run_tell(run, RELOAD_STEP_DRAINED, number, NULL);
    reload_run_tell(run, state == GENERATION_RETIRED ? RELOAD_STEP_RETIRED : RELOAD_STEP_ZOMBIE,
                    number, NULL);
    if (is_gate_closed) {
        look_after_end(retirement, state);
    }
    pthread_mutex_lock(&run->reloader->lock);
    target->draining--;
    target->telling++;
    pthread_cond_broadcast(&run->reloader->idle);
    pthread_mutex_unlock(&run->reloader->lock);
    reload_target_tell_settled(target);
    free(retirement);
    return NULL;
}

void reload_end_replaced(const struct reload_run *run, struct generation *old) {
    struct retirement *retirement = malloc(sizeof *retirement);
    if (!retirement) {
        return; /* out of memory: the old generation stays, idle */
    }
    *retirement = (struct retirement){.run = *run, .old = old};
    pthread_mutex_lock(&run->reloader->lock);
    run->target->draining++;
    pthread_mutex_unlock(&run->reloader->lock);
    if (thread_start(retire_old, retirement, "retire", NULL) != 0) {
        retire_old(retirement);
    }
}

bool reload_end_serving(struct reload_run *run) {
    const struct reload_target *target = run->target;
    struct generation *old = pool_current(target->interpreter);
    bool is_gate_closed = false;
    if (!old) {
        return true;
    }
    uint64_t number = generation_number(old);
    if (run->hooks->before_load) {
        run->hooks->before_load(run->hooks->ctx, run->target, old);
    }
    enum generation_state state = pool_retire_gated(old, target->drain_ms, &is_gate_closed);
    reload_run_tell(run, RELOAD_STEP_DRAINED, number, NULL);
    reload_run_tell(run, state == GENERATION_RETIRED ? RELOAD_STEP_RETIRED : RELOAD_STEP_ZOMBIE,
                    number, NULL);
    if (is_gate_closed) {
        run->hooks->after_end(run->hooks->ctx, run->target, NULL, &run->err);
        pool_gate_open(target->interpreter);
    }
    if (state != GENERATION_RETIRED) {
        error_set(&run->err, ERR_TIMEOUT, "the old interpreter does not end");
    }
    return state == GENERATION_RETIRED;
}
