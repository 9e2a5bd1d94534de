#include "fcgi_host/supervisor/scaling.h"

enum {
    SHORT_LOOK_MS = 200, /**< while requests wait */
    LOOK_MS = 1000,      /**< while there are more workers than the least */
    QUIET_MS = 10000,    /**< before one worker less is tried: starting one costs more */
    IDLE_LOOKS = 4,      /**< within the idle time, which is kept to a quarter */
};

/** Of a worker's core, which its GIL keeps it to. */
#define BUSY_CORE 0.8
#define CALM_CORE 0.5
/** A core is free when so much of it is. */
#define FREE_CORE 0.3

static uint64_t minimum(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/** How many cores the workers have used since a point. */
static double cores_used(uint64_t cpu_ms, uint64_t before_cpu_ms, uint64_t now_ms,
                         uint64_t before_ms) {
    /* A worker that has ended took its time with it. */
    uint64_t used_ms = cpu_ms > before_cpu_ms ? cpu_ms - before_cpu_ms : 0;
    return now_ms > before_ms ? (double)used_ms / (double)(now_ms - before_ms) : 0;
}

/** How much of the cores that its GILs keep it to the group has used since the last look. */
static double share_used(const struct scaling *scaling, const struct scaling_look *look,
                         uint64_t now_ms) {
    unsigned serving = look->workers - look->loading;
    return scaling->seen_ms && serving > 0
               ? cores_used(look->cpu_ms, scaling->seen_cpu_ms, now_ms, scaling->seen_ms) / serving
               : 0;
}

/** Whether requests wait: for a thread, or for the GIL of workers that have used up their cores. */
static bool is_short(const struct scaling_look *look, double share) {
    bool is_used_up = look->in_hand > look->workers - look->loading && share >= BUSY_CORE;
    return look->in_hand > look->serving || is_used_up;
}

/** How many to add. Each loads on a core; those that hardly compute need not find one free, unless
 *  they would compute more if they might. */
static unsigned growth(struct scaling *scaling, const struct scaling_limits *limits,
                       const struct scaling_look *look, double share) {
    unsigned most = limits->most - look->workers;
    unsigned cores = (unsigned)(look->free_cores + 1 - FREE_CORE);
    if (cores == 0 && share < CALM_CORE && !look->is_held_back) {
        cores = 1;
    }
    unsigned count = scaling->burst ? scaling->burst : 1;
    count = count < most ? count : most;
    count = count < cores ? count : cores;
    scaling->burst = 2 * count;
    return count;
}

/** @return whether one worker less would have done for long enough */
static bool is_too_many(struct scaling *scaling, const struct scaling_look *look, uint64_t now_ms) {
    if (look->in_hand >= look->workers || look->loading > 0) {
        scaling->quiet_ms = 0;
        return false;
    }
    if (scaling->quiet_ms == 0) {
        scaling->quiet_ms = now_ms;
        scaling->quiet_cpu_ms = look->cpu_ms;
    }
    if (now_ms - scaling->quiet_ms < QUIET_MS) {
        return false;
    }
    double used = cores_used(look->cpu_ms, scaling->quiet_cpu_ms, now_ms, scaling->quiet_ms);
    scaling->quiet_ms = 0; /* another ten seconds for the next one */
    return used <= CALM_CORE * (look->workers - 1);
}

static void note_work(struct scaling *scaling, const struct scaling_look *look, uint64_t now_ms) {
    if (scaling->active_ms == 0 || look->work > 0 || look->in_hand > 0 || look->serving > 0 ||
        look->loading > 0) {
        scaling->active_ms = now_ms;
    }
}

/** What kept it from sleeping, such as a connection, may last. */
static uint64_t sleep_again_ms(const struct scaling_limits *limits) {
    uint64_t part_ms = limits->idle_ms / IDLE_LOOKS;
    return part_ms > LOOK_MS ? part_ms : LOOK_MS;
}

/** When there is nothing to be done now. */
static uint64_t next_look_ms(const struct scaling *scaling, const struct scaling_limits *limits,
                             const struct scaling_look *look, bool is_short, uint64_t now_ms) {
    uint64_t next_ms = is_short ? SHORT_LOOK_MS : UINT64_MAX;
    bool may_be_short =
        look->workers < limits->most && look->in_hand > look->workers - look->loading;
    if (look->workers > limits->least || may_be_short) {
        next_ms = minimum(next_ms, LOOK_MS);
    }
    if (limits->idle_ms) {
        uint64_t left_ms = scaling->active_ms + limits->idle_ms - now_ms;
        uint64_t part_ms = limits->idle_ms / IDLE_LOOKS;
        next_ms = minimum(next_ms, minimum(left_ms, part_ms > 0 ? part_ms : 1));
    }
    return next_ms == UINT64_MAX ? 0 : next_ms;
}

struct scaling_decision scaling_decide(struct scaling *scaling, const struct scaling_limits *limits,
                                       const struct scaling_look *look, uint64_t now_ms) {
    struct scaling_decision decision = {.step = SCALING_KEEP};
    double share = share_used(scaling, look, now_ms);
    bool is_short_now = look->workers < limits->most && is_short(look, share);
    bool is_short_again = is_short_now && scaling->was_short;
    note_work(scaling, look, now_ms);
    scaling->was_short = is_short_now;
    if (!is_short_now) {
        scaling->burst = 0;
    }
    if (is_short_again && look->loading == 0) {
        decision.count = growth(scaling, limits, look, share);
        decision.step = decision.count > 0 ? SCALING_GROW : SCALING_KEEP;
    } else if (limits->idle_ms && now_ms - scaling->active_ms >= limits->idle_ms) {
        decision.step = SCALING_SLEEP;
    } else if (look->workers > limits->least && is_too_many(scaling, look, now_ms)) {
        decision.step = SCALING_SHRINK;
    }
    scaling->seen_ms = now_ms;
    scaling->seen_cpu_ms = look->cpu_ms;
    decision.next_ms = decision.step == SCALING_SLEEP
                           ? sleep_again_ms(limits)
                           : next_look_ms(scaling, limits, look, is_short_now, now_ms);
    return decision;
}
