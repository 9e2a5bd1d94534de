#include "fcgi_host/worker/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgi_host/app/crash.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/app/stacks.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/worker/access_log.h"
#include "fcgi_host/worker/descriptors.h"
#include "fcgi_host/worker/history_steps.h"
#include "fcgi_host/worker/hooks.h"
#include "fcgi_host/worker/live_pages.h"
#include "fcgi_host/worker/loading.h"
#include "fcgi_host/worker/messages.h"
#include "fcgi_host/worker/orphan.h"
#include "fcgi_host/worker/python_start.h"
#include "fcgi_host/worker/recycling.h"
#include "fcgi_host/worker/request_ends.h"
#include "fcgi_host/worker/submit.h"
#include "fcgi_host/worker/takeover.h"
#include "fcgi_host/worker/worker_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "pool/pool.h"

enum {
    HEADER_TIMEOUT_MS = 30000,     /**< for a peer that sends its header byte by byte */
    MAX_HEADER_BYTES = 256 * 1024, /**< far beyond what web servers let through (8-64 KiB) */
};

#define BUSY_EVERY_NS CLOCK_NS_PER_S

/* ---- Start ---- */

static bool wants_withheld(void *ctx, struct request *request, bool has_met_refusal) {
    return withheld_wants(ctx, request, has_met_refusal);
}

static int start_python(struct worker *worker, struct error *err) {
    if (python_start(worker->start->config, err)) {
        return -1;
    }
    python_set_process(worker->start->is_one_of_many);
    wsgi_set_withhold_hook(&(struct wsgi_withhold_hook){
        .withholds = wants_withheld,
        .ctx = &worker->withheld,
    });
    live_pages_start(worker->start);
    submit_use(&worker->withheld);
    scoreboard_use(worker->start->board);
    return crash_start(worker->start->last_words_fd, err) || stacks_start(err) ? -1 : 0;
}

/** The limits' wish for another worker. */
static void ask_replacement(void *ctx, const char *why, bool is_urgent) {
    const struct worker *worker = ctx;
    channel_tell(
        &worker->supervisor,
        &(struct channel_outgoing){.type = CHANNEL_REPLACE_ME,
                                   .number = is_urgent ? CHANNEL_CANNOT_GO_ON : CHANNEL_MAY_GO_ON,
                                   .text = why});
}

static int start_pool(struct worker *worker, struct error *err) {
    struct pool_hooks hooks;
    const struct limits_options limits = {
        .board = worker->start->board,
        .max_rss_mb = worker->start->config->max_rss_mb,
        .max_requests = application_jitter(worker->start->config->max_requests, (uint32_t)getpid()),
        .replace = ask_replacement,
        .answer = takeover_answer,
        .find_client_gone = takeover_find_client_gone,
        .ctx = worker,
    };
    hooks_fill(&worker->loader, &hooks);
    worker->pool = pool_new(&hooks, err);
    worker->limits = worker->pool ? limits_start(&limits, err) : NULL;
    return worker->limits ? 0 : -1;
}

static int set_up(struct worker *worker, struct error *err) {
    const struct config *config = worker->start->config;
    orphan_start(worker->start->listen_fd, worker->start->lifeline);
    if (stopping_init(&worker->stopping, &worker->supervisor, err) ||
        withheld_init(&worker->withheld, err)) {
        return -1;
    }
    if (start_python(worker, err) || start_pool(worker, err)) {
        return -1;
    }
    const struct applications_options options = {
        .config = config,
        .placement = worker->start->placement,
        .slowdown = worker->start->slowdown,
        .pool = worker->pool,
        .loader = &worker->loader,
        .limits = worker->limits,
    };
    if (applications_add(&worker->applications, &options, err) ||
        away_init(&worker->away, worker->applications.site, &worker->start->neighbourhood,
                  &worker->supervisor, err)) {
        return -1;
    }
    recycling_start(worker);
    return loading_start(&worker->loader, worker->applications.interpreters,
                         worker->applications.interpreter_count, err);
}

/** Wait for CHANNEL_ACCEPT or CHANNEL_STOP. @return whether to serve */
static bool await_accept(struct worker *worker) {
    while (!worker->has_accept && !worker->stopping.is_begun) {
        struct pollfd wanted = {.fd = worker->supervisor.fd, .events = POLLIN};
        if (poll(&wanted, 1, -1) == 1) {
            messages_read(worker);
        }
    }
    return worker->has_accept; /* even if stopping: connections that wait are still answered */
}

/* ---- Serving ---- */

/** More workers may be wanted: requests that come while others are in hand may have to wait. */
static void tell_busy(struct worker *worker, uint64_t now_ns) {
    const struct worker_range *range = &worker->start->config->workers;
    struct intake_stats stats;
    if (range->most == range->least || now_ns - worker->told_busy_ns < BUSY_EVERY_NS) {
        return;
    }
    intake_stats(worker->intake, &stats);
    if (stats.connections_open - stats.connections_idle > 1) {
        worker->told_busy_ns = now_ns;
        channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_BUSY});
    }
}

static void on_request(void *ctx, struct request *request) {
    struct worker *worker = ctx;
    uint64_t now_ns = request->accepted_ns;
    dispatch_request(&worker->dispatch, request); /* it may be gone after that */
    tell_busy(worker, now_ns);
    libraries_request(&worker->libraries, worker_first_application(worker));
}

static void begin_batch(void *ctx) {
    (void)ctx;
    pool_batch_begin();
}

static void end_batch(void *ctx) {
    (void)ctx;
    pool_batch_end();
}

static enum bequeath_result hand_over(void *ctx, const struct passed_connection *connection) {
    return handover_give(&((struct worker *)ctx)->handover, connection);
}

static void on_client_event(void *ctx) {
    struct worker *worker = ctx;
    limits_client_event(worker->limits);
    withheld_client_event(&worker->withheld);
}

static void channel_ready(void *ctx, int fd) {
    (void)fd;
    messages_read(ctx);
}

static int serve_requests(struct worker *worker, struct error *err) {
    const struct intake_hooks hooks = {
        .ctx = worker,
        .request = on_request,
        .batch_begin = begin_batch,
        .batch_end = end_batch,
        .bequeath = hand_over,
        .client_event = on_client_event,
    };
    unsigned connections = descriptors_for_connections();
    const struct intake_options options = {
        .listen_fd = worker->start->listen_fd,
        .balance = worker->start->balance,
        .balance_member = worker->start->balance_member,
        .in_hand = &worker->start->board->in_hand,
        .max_connections = connections,
        .max_requests = connections,
        .header_timeout_ms = HEADER_TIMEOUT_MS,
        .max_header_bytes = MAX_HEADER_BYTES,
        .web_server_addrs = getenv("FCGI_WEB_SERVER_ADDRS"),
        .is_paused = worker->is_paused || worker->leaves_accepting,
    };
    worker->intake = intake_new(&options, &hooks, err);
    if (!worker->intake ||
        intake_add_fd(worker->intake, worker->supervisor.fd, channel_ready, worker, err) ||
        withheld_attach(&worker->withheld, worker->intake, err) ||
        live_pages_serve(&worker->live_streams, worker->intake, err)) {
        return -1;
    }
    handover_attach(&worker->handover, worker->intake);
    bool is_replaced = worker->stopping.is_begun && !worker->stopping.is_last;
    worker->away.is_one_of_many = worker->start->is_one_of_many;
    if (!is_replaced && away_attach(&worker->away, worker->intake, err)) {
        return -1;
    }
    if (worker->stopping.is_begun && worker->stopping.is_last) {
        away_hold(&worker->away);
    }
    if (stopping_attach(&worker->stopping, worker->intake, err)) {
        return -1;
    }
    int outcome = intake_run(worker->intake, err);
    withheld_end(&worker->withheld);
    return outcome;
}

/* ---- Life ---- */

static void init_worker(struct worker *worker, const struct worker_start *start) {
    worker->start = start;
    worker->leaves_accepting = start->neighbourhood.leaves_accepting;
    worker->supervisor = (struct channel_end){.fd = start->channel_fd};
    worker->loader = (struct loader){
        .supervisor = &worker->supervisor,
        .predecessor = &worker->predecessor,
        .libraries = &worker->libraries,
        .startup_timeout_ms = start->config->startup_timeout_s * 1000,
        .has_loaded = &worker->has_loaded,
    };
    sem_init(&worker->has_loaded, 0, 0);
    predecessor_init(&worker->predecessor, start->modules_fd);
    libraries_init(&worker->libraries, start, &worker->supervisor);
    worker->status_requests.supervisor = &worker->supervisor;
    worker->dispatch = (struct dispatch){.applications = &worker->applications,
                                         .away = &worker->away,
                                         .handover = &worker->handover,
                                         .status_requests = &worker->status_requests,
                                         .live_streams = &worker->live_streams};
    worker->withheld = (struct withheld){.applications = &worker->applications,
                                         .away = &worker->away,
                                         .handover = &worker->handover,
                                         .stopping = &worker->stopping};
    handover_init(&worker->handover);
    live_streams_init(&worker->live_streams);
}

int worker_run(const struct worker_start *start) {
    /* Never freed: threads may outlive this call, until the process ends. */
    struct worker *worker = calloc(1, sizeof *worker);
    struct error err;
    if (!worker) {
        log_line(LOG_ERROR, "worker.failed", NULL, "out of memory");
        return 1;
    }
    init_worker(worker, start);
    if (set_up(worker, &err)) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        return 1;
    }
    if (!await_accept(worker)) {
        return 0;
    }
    history_steps_use(&worker->supervisor);
    request_ends_watch();
    if (access_log_start(start->config, &err) != 0 || serve_requests(worker, &err) != 0) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        return 1;
    }
    if (pool_stop(worker->pool, stopping_left_ms(&worker->stopping))) {
        log_line(LOG_WARN, "worker.unfinished", NULL, "something could not be ended in time");
    }
    access_log_flush();
    return 0;
}
