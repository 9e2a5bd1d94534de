#include "fcgi_host/worker/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/app/live.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/link/slowdown.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/live_pages.h"
#include "fcgi_host/worker/orphan.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/status_part.h"
#include "fcgi_host/worker/submit.h"
#include "fcgi_host/worker/worker_internal.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

static void send_status_part(struct worker *worker, uint64_t number) {
    struct error err;
    const struct status_part part = {
        .board = worker->start->board,
        .pool = worker->pool,
        .applications = &worker->applications,
        .away = &worker->away,
        .placement = worker->start->placement,
        .preloaded = &worker->start->preloaded,
        .recycle = worker->loader.recycle,
        .intake = worker->intake,
        .is_stopping = worker->stopping.is_begun,
    };
    char *text = status_part_write(&part);
    int fd = text ? channel_make_file(text, strlen(text), &err) : -1;
    if (fd >= 0) {
        channel_send(
            worker->supervisor.fd,
            &(struct channel_outgoing){.type = CHANNEL_STATUS_REPLY, .number = number, .fd = &fd},
            NULL);
        close(fd);
    }
    free(text); /* without an answer the supervisor waits a second and leaves this part out */
}

static void reload_by_hand(struct worker *worker, const struct channel_message *message) {
    live_pages_expect(&worker->applications, message->text);
    if (worker->loader.recycle) {
        recycle_by_hand(worker->loader.recycle, message->number, message->text);
    } else {
        channel_tell(
            &worker->supervisor,
            &(struct channel_outgoing){.type = CHANNEL_RELOADED,
                                       .number = message->number,
                                       .name = reload_outcome_name(RELOAD_OUTCOME_NEEDS_WORKER)});
    }
}

/** Accept connections, unless another worker or another process group does. */
static void update_accepting(const struct worker *worker) {
    if (worker->intake && !worker->stopping.is_begun) {
        intake_pause_accepting(worker->intake, worker->is_paused || worker->leaves_accepting);
    }
}

/** There is no other worker after all: what waits for one is answered. */
static void resume_accepting(struct worker *worker) {
    handover_give_up(&worker->handover);
    if (worker->intake && !worker->stopping.is_begun) {
        handover_give_requests(&worker->handover, worker->pool);
    }
    worker->is_paused = false;
    update_accepting(worker);
}

static void stop(struct worker *worker, const struct channel_message *message) {
    bool is_first = !worker->stopping.is_begun;
    bool is_last = strcmp(message->name, CHANNEL_STOP_LAST) == 0;
    bool is_leaving = strcmp(message->name, CHANNEL_STOP_LEAVING) == 0;
    if (message->fd < 0 || is_leaving) { /* nobody comes who serves the same */
        handover_give_up(&worker->handover);
        withheld_end(&worker->withheld);
    }
    live_streams_close(&worker->live_streams);
    if (is_first) {
        recycle_dismiss(worker->loader.recycle);
        libraries_stop(&worker->libraries, worker_first_application(worker));
    }
    if (is_first && is_leaving) { /* those that were accepted are served here */
        handover_give_requests(&worker->handover, worker->pool);
    }
    if (message->fd >= 0) {
        handover_set_successor(&worker->handover, message->fd);
    }
    if (is_first && !is_leaving) {
        handover_give_requests(&worker->handover, worker->pool);
    }
    if (is_last || is_leaving) {
        away_hold(&worker->away);
    } else {
        away_leave(&worker->away);
    }
    stopping_begin(&worker->stopping, message->number, is_last);
    withheld_go_on(&worker->withheld);
}

/** The outcome of a replacement: this worker is the new one, or the old one that was kept. */
static void note_replacement(struct worker *worker, const struct channel_message *message) {
    struct application_reload outcome = {
        .outcome = reload_outcome_parse(message->name),
        .total_ms = (double)message->number,
        .at_s = time(NULL),
    };
    snprintf(outcome.cause, sizeof outcome.cause, "%s", message->text);
    for (size_t i = 0; i < worker->applications.app_count; i++) {
        application_set_reload(worker->applications.apps[i], &outcome);
    }
    if (outcome.outcome == RELOAD_OUTCOME_KEPT) {
        live_pages_show_failures(&worker->applications);
        limits_replacement_kept(worker->limits);
        resume_accepting(worker);
    }
}

struct leaving {
    struct worker *worker;
    struct pool_interpreter *interpreter;
    unsigned drain_ms;
};

/** Until no interpreter is being loaded: until then the loading thread looks at each of them. */
static void await_loaded(struct worker *worker) {
    while (sem_wait(&worker->has_loaded) != 0) {
    }
    sem_post(&worker->has_loaded); /* for the next one who waits */
}

/** End an interpreter whose applications are another group's, when its requests have ended. */
static void *end_interpreter(void *arg) {
    struct leaving leaving = *(struct leaving *)arg;
    struct error err;
    char name[CHANNEL_NAME_BYTES];
    free(arg);
    await_loaded(leaving.worker);
    snprintf(name, sizeof name, "%s", pool_interpreter_name(leaving.interpreter));
    const struct log_about about = {.app = name};
    recycle_remove(leaving.worker->loader.recycle, leaving.interpreter);
    if (pool_remove_interpreter(leaving.interpreter, leaving.drain_ms, &err)) {
        log_line(LOG_WARN, "interpreter.zombie", &about, "%s", err.text);
    } else {
        log_line(LOG_INFO, "reload.retired", &about, "its applications have another process");
    }
    return NULL;
}

static void end_interpreter_later(struct worker *worker, struct pool_interpreter *interpreter,
                                  unsigned drain_ms) {
    struct leaving *leaving = malloc(sizeof *leaving);
    if (!leaving) {
        return; /* out of memory: it stays, and serves nothing */
    }
    *leaving = (struct leaving){worker, interpreter, drain_ms};
    if (thread_start(end_interpreter, leaving, "leaving", NULL)) {
        free(leaving);
    }
}

/** Pass a request on, if its application has another home. */
static bool give_away(void *ctx, struct request *request) {
    struct worker *worker = ctx;
    const char *name = request->application->config->name;
    size_t place = applications_place_named(&worker->applications, name);
    bool is_away = away_is(&worker->away, place, name);
    if (is_away) {
        away_pass(&worker->away, place, name, request);
    }
    return is_away;
}

static size_t place_in(const struct worker *worker, const struct pool_interpreter *interpreter,
                       size_t i) {
    return applications_place_of(&worker->applications,
                                 pool_app_user(pool_interpreter_app(interpreter, i)));
}

/** End the interpreter of an application that has another home, with its last application. */
static void leave_interpreter(struct worker *worker, const struct application *application) {
    struct pool_interpreter *interpreter = pool_app_interpreter(application->pool_app);
    size_t count = pool_interpreter_app_count(interpreter);
    for (size_t i = 0; i < count; i++) {
        if (!away_is(&worker->away, place_in(worker, interpreter, i), NULL)) {
            return; /* the message that says so comes next */
        }
    }
    submit_again(pool_take_waiting_of(interpreter), give_away, worker);
    pool_batch_flush();
    for (size_t i = 0; i < count; i++) {
        struct application *each = pool_app_user(pool_interpreter_app(interpreter, i));
        atomic_store(&each->has_left, true);
        applications_forget(&worker->applications, place_in(worker, interpreter, i));
    }
    end_interpreter_later(worker, interpreter, application->config->drain_timeout_s * 1000);
}

/** The same of a single script. */
static void move_script_home(struct worker *worker, const struct channel_message *message) {
    struct scripts *scripts = worker->applications.scripts;
    size_t place = applications_place(&worker->applications, NULL);
    away_set_script_home(&worker->away, message->name, message->text, message->fd);
    if (away_is(&worker->away, place, message->name) && scripts_have(scripts, message->name)) {
        submit_again(scripts_take_waiting(scripts, message->name), give_away, worker);
        pool_batch_flush();
        scripts_leave(scripts, message->name);
    }
}

/** An application is at home in a group from now on. */
static void move_application_home(struct worker *worker, const struct channel_message *message) {
    const struct applications *applications = &worker->applications;
    const struct app_config *config = config_find_app(applications->site, message->name);
    size_t place = applications_place(applications, config);
    const struct application *application = applications_at(applications, place);
    bool is_served = config ? application != NULL : applications->scripts != NULL;
    bool is_own = strcmp(message->text, worker->away.process) == 0;
    bool was_away = away_is(&worker->away, place, "");
    away_set_home(&worker->away, message->name, message->text, message->fd);
    if (is_own && application) {
        live_release(application->config);
    }
    if (is_own && !is_served && !worker->stopping.is_begun) {
        worker->handover.awaits_successor = true; /* a worker that has it replaces this one */
    }
    bool leaves = application && !was_away && away_is(&worker->away, place, "");
    if (leaves && atomic_load(&application->generation) > 0) { /* else it was refused: loading.c */
        leave_interpreter(worker, application);
    }
}

static void move_home(struct worker *worker, const struct channel_message *message) {
    if (message->name[0] == '/' && !config_find_app(worker->applications.site, message->name)) {
        move_script_home(worker, message);
    } else {
        move_application_home(worker, message);
    }
    withheld_go_on(&worker->withheld);
}

/** A connection that is open may bring a request, so that it keeps the worker. */
static void tell_nothing_left(const struct worker *worker) {
    struct intake_stats stats = {.connections_open = 1};
    if (worker->intake) { /* else it has not begun */
        intake_stats(worker->intake, &stats);
    }
    if (stats.connections_open == 0 && !worker->stopping.is_begun) {
        channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_NOTHING_LEFT});
    }
}

static void note_needs_restart(struct worker *worker, const char *name) {
    for (size_t i = 0; i < worker->applications.app_count; i++) {
        struct application *application = worker->applications.apps[i];
        if (strcmp(application->config->name, name) == 0) {
            atomic_store(&application->needs_restart, true);
        }
    }
}

static void reopen_log(int fd) {
    struct error err;
    if (fd >= 0 && log_use(fd, &err)) {
        log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
    }
}

/** Do what a message asks, of those that bring a descriptor along. @return whether it was one */
static bool take_descriptor(struct worker *worker, const struct channel_message *message) {
    switch (message->type) {
    case CHANNEL_STOP:
        stop(worker, message);
        return true;
    case CHANNEL_ADOPT:
        handover_adopt(&worker->handover, message->fd);
        return true;
    case CHANNEL_STATUS_WHOLE:
    case CHANNEL_READY:
        status_requests_take(&worker->status_requests, message);
        return true;
    case CHANNEL_HOME:
        move_home(worker, message);
        return true;
    case CHANNEL_MODULES:
        predecessor_tell(&worker->applications, message->fd);
        return true;
    case CHANNEL_LOG_REOPEN:
        reopen_log(message->fd);
        return true;
    default:
        return false;
    }
}

/** @return whether the message was about the reloads in this process */
static bool obey_for_reloads(const struct worker *worker, const struct channel_message *message) {
    switch (message->type) {
    case CHANNEL_HOLD_EDITS:
        recycle_hold_edits(worker->loader.recycle, (unsigned)message->number);
        return true;
    case CHANNEL_MEMORY_SHORT:
        recycle_memory_is_short(worker->loader.recycle);
        return true;
    default:
        return false;
    }
}

static void obey_message(struct worker *worker, const struct channel_message *message) {
    if (take_descriptor(worker, message) || obey_for_reloads(worker, message)) {
        return;
    }
    switch (message->type) {
    case CHANNEL_ACCEPT:
        worker->has_accept = true;
        libraries_tell(&worker->libraries, worker_first_application(worker));
        break;
    case CHANNEL_PAUSE:
        worker->is_paused = true;
        update_accepting(worker);
        break;
    case CHANNEL_LISTEN:
        worker->leaves_accepting = message->number == 0;
        update_accepting(worker);
        break;
    case CHANNEL_STATUS:
        send_status_part(worker, message->number);
        break;
    case CHANNEL_RELOAD:
        reload_by_hand(worker, message);
        break;
    case CHANNEL_REPLACED:
        note_replacement(worker, message);
        break;
    case CHANNEL_PING:
        channel_tell(&worker->supervisor, &(struct channel_outgoing){.type = CHANNEL_PONG});
        break;
    case CHANNEL_SLOW_DOWN:
        slowdown_set(worker->start->slowdown, message->name, message->number);
        applications_slow_down(&worker->applications, message->name, message->number);
        break;
    case CHANNEL_STAYS:
        live_pages_show_failures(&worker->applications);
        withheld_end_move(&worker->applications, message->name);
        withheld_go_on(&worker->withheld);
        break;
    case CHANNEL_NO_MORE:
        away_close(&worker->away);
        break;
    case CHANNEL_MAY_END:
        tell_nothing_left(worker);
        break;
    case CHANNEL_NEEDS_RESTART:
        note_needs_restart(worker, message->name);
        break;
    case CHANNEL_STACKS:
        limits_log_stacks(worker->limits);
        break;
    default:
        break;
    }
    if (message->fd >= 0) {
        close(message->fd);
    }
}

void messages_read(struct worker *worker) {
    struct channel_message message;
    struct error err;
    for (;;) {
        if (channel_receive(worker->supervisor.fd, &message, &err) == 0) {
            obey_message(worker, &message);
        } else if (err.code == ERR_BUSY) {
            return;
        } else {
            orphan_end();
        }
    }
}
