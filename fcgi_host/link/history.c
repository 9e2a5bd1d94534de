#include "fcgi_host/link/history.h"

#include <stdatomic.h>

#include "fcgi_host/link/latency.h"
#include "fcgi_host/link/shared_memory.h"

#define NS_PER_S UINT64_C(1000000000)
#define STEP_NS (HISTORY_STEP_S * NS_PER_S)

/* What `step.state` says: a step's number, shifted, and whether somebody makes room for it. */
enum { NUMBER_SHIFT = 1, IS_CLEARED = 1 };

struct step {
    _Atomic uint64_t state;     /* 0: it was never used */
    _Atomic uint64_t waited_ns; /* by all requests together */
    _Atomic uint64_t resident_bytes;
    _Atomic unsigned waiting; /* the samples' largest */
    _Atomic uint64_t latency[LATENCY_BUCKETS];
};

struct board {
    uint64_t first; /* the number of the step in which it was made */
    struct step steps[HISTORY_STEPS];
};

/* Inherited by fork(). */
static struct board *s_board;

/** Numbers begin at 1. */
static uint64_t number_at(uint64_t now_ns) {
    return now_ns / STEP_NS + 1;
}

int history_open(uint64_t now_ns, struct error *err) {
    if (s_board) {
        return 0;
    }
    struct board *board = shared_memory_new(sizeof *board, err);
    if (!board) {
        return -1;
    }
    board->first = number_at(now_ns);
    s_board = board;
    return 0;
}

static struct step *place_of(uint64_t number) {
    return &s_board->steps[number % HISTORY_STEPS];
}

static void clear(struct step *step) {
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        atomic_store_explicit(&step->latency[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&step->waited_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&step->waiting, 0, memory_order_relaxed);
    atomic_store_explicit(&step->resident_bytes, 0, memory_order_relaxed);
}

/** @param[out] ret_has_begun  whether it has begun with this call; NULL: not wanted
 *  @return NULL: its place is another's by now, or is just being cleared (by a thread that may have
 *          been killed at it: the place's next step clears it again) */
static struct step *find_or_begin(uint64_t number, bool *ret_has_begun) {
    struct step *step = place_of(number);
    uint64_t state = atomic_load_explicit(&step->state, memory_order_acquire);
    bool begins =
        state >> NUMBER_SHIFT < number &&
        atomic_compare_exchange_strong(&step->state, &state, number << NUMBER_SHIFT | IS_CLEARED);
    if (begins) {
        clear(step);
        state = number << NUMBER_SHIFT;
        atomic_store_explicit(&step->state, state, memory_order_release);
    }
    if (ret_has_begun) {
        *ret_has_begun = begins;
    }
    return state == number << NUMBER_SHIFT ? step : NULL;
}

static void add_wait(struct step *step, uint64_t waited_ns) {
    if (step) {
        atomic_fetch_add_explicit(&step->waited_ns, waited_ns, memory_order_relaxed);
    }
}

/** Share out the time from one moment to another among the steps that it lies in. */
static void share_wait(uint64_t from_ns, uint64_t to_ns) {
    uint64_t last = number_at(to_ns), number = number_at(from_ns);
    if (last - number >= HISTORY_STEPS) {
        number = last - HISTORY_STEPS + 1;
    }
    for (; number <= last; number++) {
        uint64_t begin_ns = (number - 1) * STEP_NS, end_ns = number * STEP_NS;
        uint64_t begun_ns = from_ns > begin_ns ? from_ns : begin_ns;
        uint64_t ended_ns = to_ns < end_ns ? to_ns : end_ns;
        if (ended_ns > begun_ns) {
            add_wait(find_or_begin(number, NULL), ended_ns - begun_ns);
        }
    }
}

bool history_note_arrival(uint64_t now_ns) {
    bool has_begun = false;
    if (s_board) {
        find_or_begin(number_at(now_ns), &has_begun);
    }
    return has_begun;
}

bool history_note_request(uint64_t now_ns, uint64_t total_ns, uint64_t queue_ns) {
    bool has_begun;
    if (!s_board) {
        return false;
    }
    struct step *step = find_or_begin(number_at(now_ns), &has_begun);
    if (step) {
        latency_add(step->latency, total_ns);
    }
    if (total_ns < now_ns % STEP_NS) { /* all of it in this step, as of most requests */
        add_wait(step, queue_ns);
    } else if (queue_ns > 0 && total_ns <= now_ns) {
        uint64_t from_ns = now_ns - total_ns;
        share_wait(from_ns, from_ns + (queue_ns < total_ns ? queue_ns : total_ns));
    }
    return has_begun;
}

void history_note_sample(uint64_t now_ns, unsigned waiting, uint64_t resident_bytes) {
    struct step *step = s_board ? find_or_begin(number_at(now_ns), NULL) : NULL;
    if (step) {
        unsigned most = atomic_load(&step->waiting);
        while (most < waiting && !atomic_compare_exchange_weak(&step->waiting, &most, waiting)) {
        }
        atomic_store(&step->resident_bytes, resident_bytes);
    }
}

/** The last sample of memory before a step, which the places hold as long as no other step has
 *  taken them. */
static uint64_t resident_before(uint64_t number) {
    uint64_t found = 0, bytes = 0;
    for (size_t i = 0; i < HISTORY_STEPS; i++) {
        const struct step *step = &s_board->steps[i];
        uint64_t at = atomic_load(&step->state) >> NUMBER_SHIFT;
        uint64_t resident = atomic_load(&step->resident_bytes);
        if (at < number && at > found && resident > 0) {
            found = at;
            bytes = resident;
        }
    }
    return bytes;
}

/** @param step_ns  how long the step is, or has been going on */
static void read_step(const struct step *step, uint64_t step_ns, struct history_step *ret_step) {
    uint64_t resident_bytes = atomic_load(&step->resident_bytes);
    unsigned sampled = atomic_load(&step->waiting);
    double average = (double)atomic_load(&step->waited_ns) / (double)step_ns;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        ret_step->requests += atomic_load_explicit(&step->latency[i], memory_order_relaxed);
    }
    ret_step->p50_ms = latency_percentile_ms(step->latency, 0.50);
    ret_step->p99_ms = latency_percentile_ms(step->latency, 0.99);
    ret_step->waiting = average > sampled ? average : sampled;
    if (resident_bytes > 0) {
        ret_step->resident_bytes = resident_bytes;
    }
}

size_t history_read(uint64_t now_ns, struct history_step ret_steps[HISTORY_STEPS],
                    double *ret_last_s) {
    if (!s_board) {
        return 0;
    }
    uint64_t last = number_at(now_ns), last_ns = now_ns - (last - 1) * STEP_NS;
    uint64_t number = last >= HISTORY_STEPS ? last - HISTORY_STEPS + 1 : 1;
    number = number > s_board->first ? number : s_board->first;
    uint64_t resident_bytes = resident_before(number);
    size_t count = 0;
    for (; number <= last; number++) {
        struct history_step *shown = &ret_steps[count++];
        const struct step *step = place_of(number);
        *shown = (struct history_step){.resident_bytes = resident_bytes};
        if (atomic_load(&step->state) == number << NUMBER_SHIFT) {
            read_step(step, number < last ? STEP_NS : last_ns + 1, shown);
        }
        resident_bytes = shown->resident_bytes;
    }
    *ret_last_s = (double)last_ns / (double)NS_PER_S;
    return count;
}
