#include "fcgi_host/worker/moving.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/live.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/recycle/recycle.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/worker/submit.h"
#include "fcgi_host/worker/worker_internal.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

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

void moving_take_home(struct worker *worker, const struct channel_message *message) {
    if (message->name[0] == '/' && !config_find_app(worker->applications.site, message->name)) {
        move_script_home(worker, message);
    } else {
        move_application_home(worker, message);
    }
    withheld_go_on(&worker->withheld);
}
