#include "fcgi_host/worker/exec.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/session.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

enum {
    MOST_AT_A_TIME = 8,       /**< more than anybody watches */
    PROGRAM_BYTES = 16 << 20, /**< no file that somebody wrote is longer */
    MOST_ARGUMENTS = 1024,
};

static atomic_uint s_running;

struct execution {
    atomic_uint users; /* the thread that awaits it, and the one that runs it */
    unsigned long long user;
    char *app, *name, *program;
    struct wsgi_exec_order order;
    struct generation *generation;
    int done_fd;
    int status;
    atomic_bool is_begun, is_given_up;
};

/** All but the session, which let_go() closes. */
static void execution_free(struct execution *execution) {
    if (execution->done_fd >= 0) {
        close(execution->done_fd);
    }
    string_list_clear(&execution->order.arguments);
    free(execution->program);
    free(execution->name);
    free(execution->app);
    free(execution);
}

static void let_go(struct execution *execution) {
    if (atomic_fetch_sub(&execution->users, 1) == 1) {
        close(execution->order.fd);
        execution_free(execution);
    }
}

/* ---- What is to be run ---- */

static int add_piece(struct execution *execution, const struct session_packet *packet,
                     struct error *err) {
    size_t size = execution->order.program_bytes + packet->size;
    if (size > PROGRAM_BYTES) {
        return error_set(err, ERR_PROTOCOL, "the file is longer than %d bytes", PROGRAM_BYTES);
    }
    char *grown = realloc(execution->program, size + 1);
    if (!grown) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    memcpy(grown + execution->order.program_bytes, packet->bytes, packet->size + 1);
    execution->program = grown;
    execution->order.program_bytes = size;
    return 0;
}

static int take_packet(void *ctx, const struct session_packet *packet, struct error *err) {
    struct execution *execution = ctx;
    struct string_list *arguments = &execution->order.arguments;
    switch (packet->type) {
    case SESSION_NAME:
        free(execution->name);
        execution->name = strdup(packet->bytes);
        return execution->name ? 0 : error_set(err, ERR_MEMORY, "out of memory");
    case SESSION_ARGUMENT:
        if (arguments->count == MOST_ARGUMENTS) {
            return error_set(err, ERR_PROTOCOL, "more than %d arguments", MOST_ARGUMENTS);
        }
        return string_list_add(arguments, strdup(packet->bytes))
                   ? error_set(err, ERR_MEMORY, "out of memory")
                   : 0;
    case SESSION_PROGRAM:
        return add_piece(execution, packet, err);
    default:
        return error_set(err, ERR_PROTOCOL, "an unknown packet");
    }
}

static int receive_order(struct execution *execution, struct error *err) {
    int rc = session_receive_order(execution->order.fd, take_packet, execution, err);
    if (rc == 0 && (!execution->name || !execution->program)) {
        rc = error_set(err, ERR_PROTOCOL, "no file came");
    }
    return rc;
}

/* ---- Running it ---- */

static int run_attached(void *arg, struct error *err) {
    struct execution *execution = arg;
    int rc;
    atomic_store(&execution->is_begun, true);
    if (atomic_load(&execution->is_given_up)) { /* while the thread waited for the GIL */
        rc = error_set(err, ERR_CLOSED, "the command has gone");
    } else {
        rc = wsgi_exec(&execution->order, &execution->status, err);
    }
    eventfd_write(execution->done_fd, 1);
    let_go(execution);
    return rc;
}

/** @return whether it is over; false: the command has gone */
static bool await_end(void *arg) {
    struct execution *execution = arg;
    struct pollfd wanted[] = {{.fd = execution->done_fd, .events = POLLIN},
                              {.fd = execution->order.fd, .events = POLLRDHUP}};
    while (poll(wanted, 2, -1) < 0) {
    }
    atomic_store(&execution->is_given_up, wanted[0].revents == 0);
    return wanted[0].revents != 0;
}

static bool has_command_gone(const struct execution *execution) {
    struct pollfd session = {.fd = execution->order.fd, .events = POLLRDHUP};
    return poll(&session, 1, 0) == 1;
}

/** How it has ended. @return what the exit status does not say @pre it has not timed out */
static const char *judge(const struct execution *execution, int rc, const struct error *err,
                         int *ret_status) {
    bool is_begun = atomic_load(&execution->is_begun);
    bool has_exited = is_begun && execution->status == WSGI_EXEC_EXITED;
    /* The host's own code has met SystemExit, or the file has. */
    bool may_be_stopped = is_begun && (rc != 0 || has_exited);
    *ret_status = is_begun ? SESSION_FAILED : SESSION_NOT_RUN;
    if (may_be_stopped && has_command_gone(execution)) {
        return "stopped, since the command has gone";
    }
    if (may_be_stopped && generation_state(execution->generation) != GENERATION_SERVING) {
        return "stopped, since its generation ends";
    }
    if (rc != 0) {
        return err->text;
    }
    *ret_status = has_exited ? 0 : execution->status;
    return "";
}

static void report(const struct execution *execution, int rc, const struct error *err) {
    const struct log_about about = {.app = execution->app,
                                    .generation = generation_number(execution->generation)};
    int status;
    if (rc != 0 && err->code == ERR_TIMEOUT) {
        log_line(LOG_WARN, "exec.stuck", &about, "%s does not end: %s", execution->name, err->text);
        return;
    }
    const char *why = judge(execution, rc, err, &status);
    log_line(LOG_INFO, "exec.end", &about, "%s: exit status %d%s%s", execution->name, status,
             *why ? ", " : "", why);
    session_set_blocking(execution->order.fd, true);
    session_end(execution->order.fd, status, why);
}

static void run(struct execution *execution) {
    struct error err = {0};
    struct generation *generation = execution->generation;
    const struct log_about about = {.app = execution->app,
                                    .generation = generation_number(generation)};
    if (receive_order(execution, &err)) {
        session_end(execution->order.fd, SESSION_NOT_RUN, err.text);
        let_go(execution);
        return;
    }
    log_line(LOG_INFO, "exec.begin", &about, "user %llu runs %s (%zu bytes)", execution->user,
             execution->name, execution->order.program_bytes);
    execution->order.name = execution->name;
    execution->order.program = execution->program;
    session_set_blocking(execution->order.fd, false);
    int rc = pool_run_while(generation, await_end, run_attached, execution, &err);
    report(execution, rc, &err);
    if (rc != 0 && err.code != ERR_TIMEOUT && !atomic_load(&execution->is_begun)) {
        let_go(execution); /* no thread has come to it, and none will */
    }
}

static void *run_in_thread(void *arg) {
    struct execution *execution = arg;
    struct generation *generation = execution->generation;
    run(execution);
    let_go(execution);
    atomic_fetch_sub(&s_running, 1);
    generation_let_go(generation);
    return NULL;
}

/* ---- Beginning ---- */

static struct execution *execution_new(const struct channel_message *message) {
    struct execution *execution = calloc(1, sizeof *execution);
    if (!execution) {
        return NULL;
    }
    execution->users = 2;
    execution->user = message->number;
    execution->order =
        (struct wsgi_exec_order){.fd = message->fd, .out = SESSION_OUT, .err = SESSION_ERR};
    execution->app = strdup(message->name);
    execution->done_fd = eventfd(0, EFD_CLOEXEC);
    if (execution->app && execution->done_fd >= 0) {
        return execution;
    }
    execution_free(execution);
    return NULL;
}

/** @return NULL: it runs, and the descriptor and the reference are its thread's; else why not */
static const char *start(const struct channel_message *message, const struct serving *serving) {
    if (atomic_load(&s_running) >= MOST_AT_A_TIME) { /* only this thread adds to them */
        return "too many run already";
    }
    struct execution *execution = execution_new(message);
    if (!execution) {
        return "out of memory or descriptors";
    }
    execution->generation = serving->generation;
    execution->order.loaded = serving->loaded;
    atomic_fetch_add(&s_running, 1);
    if (thread_start(run_in_thread, execution, "exec", NULL) == 0) {
        return NULL;
    }
    atomic_fetch_sub(&s_running, 1);
    execution_free(execution);
    return "no thread can be started";
}

void exec_begin(const struct applications *applications, const struct channel_message *message) {
    struct serving serving;
    if (message->fd < 0) {
        return; /* too few descriptors: the command sees that its end was closed */
    }
    bool serves = applications_hold_serving(applications, message->name, &serving);
    const char *why = serves ? start(message, &serving) : "the application does not serve";
    if (why) {
        session_end(message->fd, SESSION_NOT_RUN, why);
        close(message->fd);
    }
    if (why && serves) {
        generation_let_go(serving.generation);
    }
}
