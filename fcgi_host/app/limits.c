#include "fcgi_host/app/limits.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fcgi_host/app/limits_internal.h"
#include "fcgi_host/app/stacks.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/base/memory.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

enum {
    /** A stack dump is microseconds of work for a thread that can take a signal. */
    STACK_TIMEOUT_MS = 500,
    STACK_BYTES = 6000,
};

/** What has been done about a request: bits of scoreboard_slot.notices. */
enum {
    NOTICE_SLOW = 1,
    NOTICE_TIMEOUT = 2,
    NOTICE_STUCK = 4,
    NOTICE_ANSWERED = 8,
    NOTICE_CLIENT_GONE = 16,
    /** An exception may be on its way. */
    NOTICES_OF_EXCEPTIONS = NOTICE_TIMEOUT | NOTICE_CLIENT_GONE,
};

static void wake_limits(struct limits *limits) {
    eventfd_write(limits->wake_fd, 1); /* a full counter wakes as well */
}

/* ---- On the threads that serve ---- */

static uint64_t first_deadline_ns(const struct slot_facts *facts, uint64_t from_ns) {
    unsigned first_s = facts->timeout_s;
    if (facts->slow_s && (!first_s || facts->slow_s < first_s)) {
        first_s = facts->slow_s;
    }
    return first_s ? from_ns + first_s * CLOCK_NS_PER_S : UINT64_MAX;
}

/** Wake the limits thread if it would sleep past this deadline.  Of several serving threads that
 *  see that at once, the one that moves `armed_ns` wakes it. */
static void watch_until(struct limits *limits, uint64_t deadline_ns) {
    uint64_t armed_ns = atomic_load(&limits->armed_ns);
    while (deadline_ns < armed_ns) {
        if (atomic_compare_exchange_weak(&limits->armed_ns, &armed_ns, deadline_ns)) {
            wake_limits(limits);
            return;
        }
    }
}

/** What a thread begins, beside the facts that are texts. */
struct beginning {
    enum slot_activity activity;
    unsigned slow_s, timeout_s;
};

static struct scoreboard_slot *begin(struct limits *limits, const struct lease *lease,
                                     const struct application *application, const char *request_id,
                                     const char *line, struct beginning beginning) {
    struct scoreboard_slot *slot = scoreboard_my_slot();
    if (!slot) {
        return NULL;
    }
    const char *app = application->config->name;
    uint64_t now_ns = clock_now_ns();
    slot->facts.python_ident = lease->thread_ident;
    slot->facts.generation = lease->generation;
    slot->facts.slow_s = beginning.slow_s;
    slot->facts.timeout_s = beginning.timeout_s;
    scoreboard_set_text(slot->facts.app, sizeof slot->facts.app, app, strlen(app));
    scoreboard_set_text(slot->facts.request_id, sizeof slot->facts.request_id, request_id,
                        strlen(request_id));
    scoreboard_set_text(slot->facts.line, sizeof slot->facts.line, line, strlen(line));
    stacks_serve(true);
    scoreboard_begin(slot, beginning.activity, now_ns);
    watch_until(limits, first_deadline_ns(&slot->facts, now_ns));
    return slot;
}

struct scoreboard_slot *limits_begin(struct limits *limits, const struct lease *lease,
                                     struct application *application, const char *request_id,
                                     const char *line) {
    const struct app_config *config = application->config;
    return begin(
        limits, lease, application, request_id, line,
        (struct beginning){SLOT_SERVING, config->slow_request_s, config->request_timeout_s});
}

struct scoreboard_slot *limits_begin_aside(struct limits *limits, const struct lease *lease,
                                           const struct application *application,
                                           const char *request_id, const char *line,
                                           unsigned slow_s) {
    return begin(limits, lease, application, request_id, line,
                 (struct beginning){SLOT_ASIDE, slow_s, 0});
}

static void check_spent(struct limits *limits, struct application *application) {
    uint64_t count = atomic_fetch_add_explicit(&application->served, 1, memory_order_relaxed) + 1;
    uint64_t most = limits->options.max_requests;
    uint64_t all =
        most ? atomic_fetch_add_explicit(&limits->served, 1, memory_order_relaxed) + 1 : 0;
    if (application_is_spent(count, application->served_limit) || application_is_spent(all, most)) {
        atomic_store(&limits->is_spent, true);
        wake_limits(limits);
    }
    uint64_t checked_ns = atomic_load_explicit(&limits->rss_checked_ns, memory_order_relaxed);
    uint64_t now_ns = limits->options.max_rss_mb ? clock_now_ns() : checked_ns;
    if (now_ns - checked_ns > LIMITS_RSS_CHECK_MS * CLOCK_NS_PER_MS &&
        atomic_compare_exchange_strong(&limits->rss_checked_ns, &checked_ns, now_ns)) {
        atomic_store(&limits->is_rss_wanted, true);
        wake_limits(limits);
    }
}

void limits_end(struct limits *limits, struct scoreboard_slot *slot,
                struct application *application) {
    if (slot) {
        scoreboard_end(slot);
        stacks_serve(false);
        /* Read after scoreboard_end(): a thread that began to raise before it is seen here
         * (limits_raise.c). */
        if (atomic_load(&slot->notices) & NOTICES_OF_EXCEPTIONS) {
            limits_withdraw_exception(slot);
        }
    }
    if (application) {
        check_spent(limits, application);
    }
}

/* ---- On the limits thread ---- */

static void log_line_with_stack(enum log_level level, const char *slug,
                                const struct slot_view *view, const char *what) {
    char stack[STACK_BYTES];
    struct error err;
    const struct log_about about = {.app = view->facts.app, .request_id = view->facts.request_id};
    int outcome = stacks_of(view->thread_id, STACK_TIMEOUT_MS, stack, sizeof stack, &err);
    log_line(level, slug, &about, "%s: %s\n%s", what, view->facts.line,
             outcome == 0 ? stack : err.text);
}

/** Set a notice. @return whether it was not set yet */
static bool set_notice(struct scoreboard_slot *slot, unsigned bit) {
    return !(atomic_fetch_or(&slot->notices, bit) & bit);
}

static uint64_t minimum(uint64_t one, uint64_t other) {
    return one < other ? one : other;
}

/** Log a request that is slow. @return when that is due, UINT64_MAX: never again */
static uint64_t look_for_slow(struct scoreboard_slot *slot, const struct slot_view *view,
                              uint64_t now_ns) {
    char what[64];
    uint64_t slow_ns = view->started_ns + view->facts.slow_s * CLOCK_NS_PER_S;
    if (!view->facts.slow_s) {
        return UINT64_MAX;
    }
    if (now_ns < slow_ns) {
        return slow_ns;
    }
    if (set_notice(slot, NOTICE_SLOW)) {
        snprintf(what, sizeof what, "runs for %u s", view->facts.slow_s);
        log_line_with_stack(LOG_WARN, "request.slow", view, what);
    }
    return UINT64_MAX;
}

/** Answer a request whose thread does not come back from it. @return when to try again */
static uint64_t answer_request(struct limits *limits, struct scoreboard_slot *slot,
                               const struct slot_view *view, uint64_t now_ns) {
    const struct limits_options *options = &limits->options;
    const char *what = NULL;
    bool is_done = true;
    if (limits_pin(slot, view)) {
        unsigned index = (unsigned)(slot - options->board->slots);
        is_done = options->answer(options->ctx, index, view, &what);
        limits_unpin(slot);
    }
    if (!is_done) {
        return now_ns + LIMITS_TRY_AGAIN_MS * CLOCK_NS_PER_MS;
    }
    set_notice(slot, NOTICE_ANSWERED);
    if (what) {
        const struct log_about about = {.app = view->facts.app,
                                        .request_id = view->facts.request_id};
        log_line(LOG_ERROR, "request.timeout", &about, "%s: %s, its thread does not come back",
                 view->facts.line, what);
    }
    return UINT64_MAX;
}

/** The same as look_at_request(), for a request that is out of time. */
static uint64_t look_at_late_request(struct limits *limits, struct scoreboard_slot *slot,
                                     const struct slot_view *view, uint64_t timeout_ns,
                                     uint64_t now_ns) {
    uint64_t answer_ns = timeout_ns + LIMITS_ANSWER_AFTER_MS * CLOCK_NS_PER_MS;
    uint64_t stuck_ns = timeout_ns + LIMITS_STUCK_AFTER_MS * CLOCK_NS_PER_MS;
    uint64_t next_ns = UINT64_MAX;
    char what[64];
    if (set_notice(slot, NOTICE_TIMEOUT)) {
        snprintf(what, sizeof what, "ran out of its %u s", view->facts.timeout_s);
        log_line_with_stack(LOG_ERROR, "request.timeout", view, what);
        limits->raise(slot, view, "RequestTimeout");
    }
    if (limits->options.answer && !(atomic_load(&slot->notices) & NOTICE_ANSWERED)) {
        next_ns = now_ns < answer_ns ? answer_ns : answer_request(limits, slot, view, now_ns);
    }
    if (now_ns < stuck_ns) {
        return minimum(next_ns, stuck_ns);
    }
    if (set_notice(slot, NOTICE_STUCK)) {
        log_line_with_stack(LOG_ERROR, "request.stuck", view, "does not end, the worker must go");
        limits->options.replace(limits->options.ctx, "a request is stuck", true);
    }
    return next_ns;
}

/** Do what is due about one request. @return when to look again */
static uint64_t look_at_request(struct limits *limits, struct scoreboard_slot *slot,
                                const struct slot_view *view, uint64_t now_ns) {
    uint64_t next_ns = look_for_slow(slot, view, now_ns);
    uint64_t timeout_ns = view->started_ns + view->facts.timeout_s * CLOCK_NS_PER_S;
    if (!view->facts.timeout_s) {
        return next_ns;
    }
    return minimum(next_ns, now_ns < timeout_ns
                                ? timeout_ns
                                : look_at_late_request(limits, slot, view, timeout_ns, now_ns));
}

/** Raise ClientGone in a request if its client has gone. @return when to look again */
static uint64_t look_at_client(struct limits *limits, struct scoreboard_slot *slot,
                               const struct slot_view *view, uint64_t now_ns) {
    const struct limits_options *options = &limits->options;
    unsigned index = (unsigned)(slot - options->board->slots);
    bool is_gone = false;
    if (!options->find_client_gone(options->ctx, index, view, &is_gone)) {
        atomic_store(&limits->has_client_event, true);
        return now_ns + LIMITS_TRY_AGAIN_MS * CLOCK_NS_PER_MS;
    }
    if (is_gone && set_notice(slot, NOTICE_CLIENT_GONE)) {
        limits->raise(slot, view, "ClientGone");
    }
    return UINT64_MAX;
}

/** Look at every request that runs. @return when to look again */
static uint64_t look_at_requests(struct limits *limits, bool log_stacks, uint64_t now_ns) {
    const struct generation *stacks_of = atomic_exchange(&limits->stacks_of, NULL);
    struct scoreboard *board = limits->options.board;
    bool has_client_event = atomic_exchange(&limits->has_client_event, false);
    uint64_t next_ns = UINT64_MAX;
    unsigned used = atomic_load(&board->used), count = 0;
    for (unsigned i = 0; i < used; i++) {
        struct slot_view view;
        if (!scoreboard_read(&board->slots[i], &view) || !slot_is_serving(view.activity)) {
            continue;
        }
        count++;
        if (log_stacks) {
            log_line_with_stack(LOG_INFO, "request.stack", &view, "runs");
        } else if (stacks_of && view.facts.generation == stacks_of) {
            log_line_with_stack(LOG_WARN, "request.stack", &view, "keeps its interpreter alive");
        }
        if (has_client_event && view.activity == SLOT_SERVING) {
            next_ns = minimum(next_ns, look_at_client(limits, &board->slots[i], &view, now_ns));
        }
        next_ns = minimum(next_ns, look_at_request(limits, &board->slots[i], &view, now_ns));
    }
    if (log_stacks && count == 0) {
        log_line(LOG_INFO, "request.stack", NULL, "no thread serves a request");
    }
    return next_ns;
}

static void ask_once(struct limits *limits, const char *why) {
    if (!atomic_exchange(&limits->has_asked, true)) {
        limits->options.replace(limits->options.ctx, why, false);
    }
}

static void look_at_process(struct limits *limits) {
    char why[96];
    if (atomic_exchange(&limits->is_spent, false)) {
        ask_once(limits, "max_requests reached");
    }
    if (atomic_exchange(&limits->is_rss_wanted, false)) {
        uint64_t rss_mb = memory_resident_bytes() >> 20;
        if (rss_mb > limits->options.max_rss_mb) {
            snprintf(why, sizeof why, "%llu MB resident, max_rss_mb is %u",
                     (unsigned long long)rss_mb, limits->options.max_rss_mb);
            ask_once(limits, why);
        }
    }
}

uint64_t limits_look(struct limits *limits, uint64_t now_ns) {
    /* First say that no deadline is watched, then look: a request that begins meanwhile either is
     * seen or wakes this thread. */
    atomic_store(&limits->armed_ns, UINT64_MAX);
    look_at_process(limits);
    bool log_stacks = atomic_exchange(&limits->is_stacks_wanted, false);
    uint64_t next_ns = look_at_requests(limits, log_stacks, now_ns), armed_ns = UINT64_MAX;
    if (!atomic_compare_exchange_strong(&limits->armed_ns, &armed_ns, next_ns)) {
        next_ns = minimum(next_ns, armed_ns);
        atomic_store(&limits->armed_ns, next_ns);
    }
    return next_ns;
}

/** Sleep until a thread calls wake_limits(), or the time comes. */
static void sleep_until(struct limits *limits, uint64_t until_ns) {
    struct pollfd wanted = {.fd = limits->wake_fd, .events = POLLIN};
    struct timespec left = {0}, *timeout = NULL;
    if (until_ns != UINT64_MAX) {
        uint64_t now_ns = clock_now_ns(), left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        left = clock_timespec(left_ns);
        timeout = &left;
    }
    if (ppoll(&wanted, 1, timeout, NULL) == 1) {
        uint64_t count;
        ssize_t ignored = read(limits->wake_fd, &count, sizeof count);
        (void)ignored;
    }
}

static void *run_limits(void *arg) {
    struct limits *limits = arg;
    for (;;) {
        sleep_until(limits, limits_look(limits, clock_now_ns()));
    }
    return NULL;
}

/* ---- On any thread ---- */

void limits_log_stacks(struct limits *limits) {
    atomic_store(&limits->is_stacks_wanted, true);
    wake_limits(limits);
}

void limits_client_event(struct limits *limits) {
    if (!atomic_exchange(&limits->has_client_event, true)) {
        wake_limits(limits);
    }
}

void limits_log_stacks_of(struct limits *limits, const struct generation *generation) {
    if (atomic_exchange(&limits->stacks_of, generation)) {
        atomic_store(&limits->is_stacks_wanted, true); /* two at a time: all */
    }
    wake_limits(limits);
}

void limits_replacement_kept(struct limits *limits) {
    atomic_store(&limits->has_asked, false);
}

int limits_init(struct limits *limits, const struct limits_options *options, struct error *err) {
    limits->options = *options;
    limits->raise = limits_raise;
    limits->armed_ns = UINT64_MAX;
    limits->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return limits->wake_fd < 0 ? error_set_errno(err, errno, "eventfd") : 0;
}

struct limits *limits_start(const struct limits_options *options, struct error *err) {
    struct limits *limits = calloc(1, sizeof *limits);
    if (!limits) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (limits_init(limits, options, err)) {
        free(limits);
        return NULL;
    }
    if (thread_start(run_limits, limits, "limits", err) != 0) {
        close(limits->wake_fd);
        free(limits);
        return NULL;
    }
    return limits;
}
