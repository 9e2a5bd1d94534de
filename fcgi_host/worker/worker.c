#include "fcgi_host/worker/worker.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/app/crash.h"
#include "fcgi_host/app/stacks.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/worker_internal.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "pool/python/runtime.h"

enum {
    /** Descriptors that are not for connections: libraries, files that applications open. */
    RESERVED_DESCRIPTORS = 64,
    MOST_CONNECTIONS = 65536,
    HEADER_TIMEOUT_MS = 30000,     /**< of a peer that dribbles it */
    MAX_HEADER_BYTES = 256 * 1024, /**< far beyond what web servers let through (8-64 KiB) */
    /** For what applications do at their end, though the time to finish has passed. */
    LEAST_END_MS = 500,
    /** One for whoever has the GIL, one for whoever has not. */
    MALLOC_ARENAS = 2,
};

#define MS UINT64_C(1000000) /* in nanoseconds */

/* ---- Signals ---- */

static void ignore(int signal_number) {
    (void)signal_number;
}

/** They are for the supervisor, which tells us; but a terminal or service manager sends them to all
 *  of a group.  A handler, not SIG_IGN: programs that applications start must not inherit it. */
static void leave_signals_to_supervisor(void) {
    static const int s_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = ignore, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof s_signals / sizeof s_signals[0]; i++) {
        sigaction(s_signals[i], &action, NULL);
    }
}

/* ---- Start ---- */

static void replace(void *ctx, const char *why, bool is_urgent) {
    channel_tell(
        &((struct worker *)ctx)->supervisor,
        &(struct channel_outgoing){.type = CHANNEL_REPLACE_ME, .number = is_urgent, .text = why});
}

/**
 * By default glibc gives each of the first threads an arena of its own for malloc(), and each keeps
 * what it once needed to load an application: a quarter of the memory of a small one.  Threads that
 * share a GIL hardly ever allocate at the same time.  mallopt(3); what an administrator has set
 * stands.
 */
static void share_malloc_arenas(const struct config *config) {
    const char *tunables = getenv("GLIBC_TUNABLES");
    bool is_set = config->script_defaults.gil_own || getenv("MALLOC_ARENA_MAX") ||
                  (tunables && strstr(tunables, "glibc.malloc.arena_max"));
    for (size_t i = 0; i < config->app_count && !is_set; i++) {
        is_set = config->apps[i].gil_own;
    }
    if (!is_set) {
        mallopt(M_ARENA_MAX, MALLOC_ARENAS);
    }
}

static int start_python(const struct worker *worker, struct error *err) {
    static const struct runtime_builtin s_builtins[] = {{"fcgi_host", wsgi_module_init},
                                                        {NULL, NULL}};
    const struct runtime_options options = {.builtins = s_builtins};
    const struct wsgi_process process = {
        .multiprocess = worker->start->is_one_of_many,
        .version = FCGI_HOST_VERSION,
    };
    if (runtime_start(&options, err)) {
        return error_prefix(err, "starting Python");
    }
    leave_signals_to_supervisor();
    wsgi_set_process(&process);
    scoreboard_use(worker->start->board);
    return crash_start(worker->start->board, worker->start->last_words_fd, err) || stacks_start(err)
               ? -1
               : 0;
}

/** Without it every reload is a new worker, and nothing is watched: said, and no reason to fail. */
static void start_recycler(struct worker *worker) {
    struct error err;
    int failed = recycler_start(worker, &err);
    for (size_t i = 0; i < worker->interpreter_count && !failed; i++) {
        failed = recycler_add(worker->recycler, worker->interpreters[i], &err);
    }
    if (failed) {
        log_line(LOG_ERROR, "reload.unavailable", NULL, "files are not watched: %s", err.text);
    }
}

static int set_up(struct worker *worker, struct error *err) {
    struct pool_hooks hooks;
    const struct limits_options limits = {
        .board = worker->start->board,
        .max_rss_mb = worker->config->max_rss_mb,
        .replace = replace,
        .ctx = worker,
    };
    if (worker->start->opens_log && log_open(worker->config->log, worker->config->log_level, err)) {
        return -1;
    }
    worker->stop_timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (worker->stop_timer_fd < 0) {
        return error_set_errno(err, errno, "timerfd_create");
    }
    share_malloc_arenas(worker->config);
    if (start_python(worker, err)) {
        return -1;
    }
    worker_pool_hooks(worker, &hooks);
    worker->pool = pool_new(&hooks, err);
    worker->limits = worker->pool ? limits_start(&limits, err) : NULL;
    if (!worker->limits || worker_add_applications(worker, err)) {
        return -1;
    }
    start_recycler(worker);
    return worker_start_loading(worker, err);
}

/** Until the supervisor says that it is our turn. @return whether it is, not the end */
static bool await_accept(struct worker *worker) {
    while (!worker->has_accept && !worker->is_stopping) {
        struct pollfd wanted = {.fd = worker->supervisor.fd, .events = POLLIN};
        if (poll(&wanted, 1, -1) == 1) {
            worker_read_channel(worker);
        }
    }
    return worker->has_accept; /* and maybe stopping: then what waits is still answered */
}

/* ---- Serving ---- */

static void batch_begin(void *ctx) {
    pool_batch_begin(((struct worker *)ctx)->pool);
}

static void batch_end(void *ctx) {
    pool_batch_end(((struct worker *)ctx)->pool);
}

static void channel_ready(void *ctx, int fd) {
    (void)fd;
    worker_read_channel(ctx);
}

static void stop_timer_ready(void *ctx, int fd) {
    struct worker *worker = ctx;
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
    log_line(LOG_WARN, "worker.unfinished", NULL, "the time to finish has passed");
    intake_stop(worker->intake);
}

/** As many as descriptors allow; main() has raised their limit as far as it may. */
static unsigned max_connections(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur <= 2 * RESERVED_DESCRIPTORS) {
        return RESERVED_DESCRIPTORS / 2;
    }
    rlim_t connections = limit.rlim_cur - RESERVED_DESCRIPTORS;
    return connections < MOST_CONNECTIONS ? (unsigned)connections : MOST_CONNECTIONS;
}

static void stop_accepting(struct worker *worker) {
    if (worker->is_last) {
        intake_accept_waiting(worker->intake);
    }
    intake_stop_accepting(worker->intake);
    close(worker->start->listen_fd);
    channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_STOPPED});
}

static int serve(struct worker *worker, struct error *err) {
    const struct intake_hooks hooks = {
        .ctx = worker,
        .request = worker_dispatch,
        .batch_begin = batch_begin,
        .batch_end = batch_end,
        .bequeath = worker_hand_over,
    };
    unsigned connections = max_connections();
    const struct intake_options options = {
        .listen_fd = worker->start->listen_fd,
        .balance = worker->start->balance,
        .balance_member = worker->start->balance_member,
        .max_connections = connections,
        .max_requests = connections,
        .header_timeout_ms = HEADER_TIMEOUT_MS,
        .max_header_bytes = MAX_HEADER_BYTES,
        .web_server_addrs = getenv("FCGI_WEB_SERVER_ADDRS"),
    };
    worker->intake = intake_new(&options, &hooks, err);
    if (!worker->intake ||
        intake_add_fd(worker->intake, worker->supervisor.fd, channel_ready, worker, err) ||
        intake_add_fd(worker->intake, worker->stop_timer_fd, stop_timer_ready, worker, err)) {
        return -1;
    }
    if (worker->legacy_fd >= 0) {
        worker_adopt_from(worker, worker->legacy_fd);
    }
    if (worker->is_stopping) { /* told so before it began */
        stop_accepting(worker);
    }
    return intake_run(worker->intake, err);
}

/* ---- End ---- */

void worker_stop(struct worker *worker, uint64_t timeout_ms, bool is_last) {
    uint64_t at_ns = clock_now_ns() + timeout_ms * MS;
    if (!worker->is_stopping || at_ns < worker->stop_at_ns) {
        const struct itimerspec timer = {
            .it_value = {(time_t)(timeout_ms / 1000), (long)(timeout_ms % 1000 * MS) + 1}};
        worker->stop_at_ns = at_ns;
        timerfd_settime(worker->stop_timer_fd, 0, &timer, NULL);
    }
    if (!worker->is_stopping) {
        worker->is_stopping = true;
        worker->is_last = is_last;
        if (worker->intake) {
            stop_accepting(worker);
        }
    }
}

static unsigned left_ms(const struct worker *worker) {
    uint64_t now_ns = clock_now_ns();
    uint64_t left = worker->stop_at_ns > now_ns ? (worker->stop_at_ns - now_ns) / MS : 0;
    return left > LEAST_END_MS ? (unsigned)left : LEAST_END_MS;
}

int worker_run(const struct worker_start *start) {
    static struct worker s_worker; /* threads may outlive this call, until the process ends */
    struct error err;
    s_worker.start = start;
    s_worker.supervisor = (struct channel_end){.fd = start->channel_fd};
    s_worker.config = start->config;
    s_worker.heir_fd = s_worker.legacy_fd = -1;
    if (set_up(&s_worker, &err)) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        return 1;
    }
    if (!await_accept(&s_worker)) {
        return 0;
    }
    if (serve(&s_worker, &err)) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        return 1;
    }
    if (pool_stop(s_worker.pool, left_ms(&s_worker))) {
        log_line(LOG_WARN, "worker.unfinished", NULL, "something could not be ended in time");
    }
    return 0;
}
