#include "pool/python/py_compat.h"

#include "fcgi_host/worker/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/crash.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/applications.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"
#include "pool/pool.h"

struct task {
    const struct channel_end *supervisor;
    char *app, *name;
    const char *call; /**< behind the name */
    struct serving serving;
};

static void tell(const struct channel_end *supervisor, const char *name, enum channel_task how,
                 const char *why) {
    channel_tell(supervisor,
                 &(struct channel_outgoing){
                     .type = CHANNEL_TASK_ENDED, .name = name, .number = how, .text = why});
}

static void task_free(struct task *task) {
    generation_let_go(task->serving.generation);
    free(task->app);
    free(task->name);
    free(task);
}

static int call(void *arg, struct error *err) {
    const struct task *task = arg;
    const struct application *application = task->serving.application;
    const struct lease lease = {.generation = task->serving.generation,
                                .loaded = task->serving.loaded,
                                .thread_ident = PyThread_get_thread_ident()};
    char line[SCOREBOARD_LINE_BYTES];
    snprintf(line, sizeof line, "task %s", task->name);
    crash_thread_start();
    struct scoreboard_slot *slot =
        limits_begin_aside(application->limits, &lease, application, "", line, 0);
    int rc = wsgi_task(task->serving.loaded, task->call, err);
    limits_end(application->limits, slot, NULL);
    return rc;
}

/** What is to be read of a traceback in one line: its last. */
static const char *last_line(const char *text) {
    const char *line = text;
    for (const char *newline = strchr(text, '\n'); newline && newline[1];
         newline = strchr(newline + 1, '\n')) {
        line = newline + 1;
    }
    return line;
}

static void run(struct task *task) {
    const struct log_about about = {.app = task->app,
                                    .generation = generation_number(task->serving.generation)};
    struct error err = {0};
    uint64_t began_ns = clock_now_ns();
    log_line(LOG_DEBUG, "task.begin", &about, "%s: %s", task->name, task->call);
    int rc = pool_run(task->serving.generation, call, task, &err);
    double ms = (double)(clock_now_ns() - began_ns) / CLOCK_NS_PER_MS;
    if (rc == 0) {
        log_line(LOG_INFO, "task.done", &about, "%s: %s, %.1f ms", task->name, task->call, ms);
        tell(task->supervisor, task->name, CHANNEL_TASK_DONE, "");
    } else if (err.code == ERR_CLOSED) { /* nothing has run */
        tell(task->supervisor, task->name, CHANNEL_TASK_NOT_BEGUN, err.text);
    } else {
        log_line(LOG_ERROR, "task.failed", &about, "%s: %s, %.1f ms: %s", task->name, task->call,
                 ms, err.text);
        tell(task->supervisor, task->name, CHANNEL_TASK_FAILED, last_line(err.text));
    }
}

static void *run_in_thread(void *arg) {
    run(arg);
    task_free(arg);
    return NULL;
}

/** @return NULL: it runs; or why not */
static const char *start(struct task *task) {
    if (!task->app || !task->name || !task->call) {
        return "out of memory";
    }
    return thread_start(run_in_thread, task, "task", NULL) == 0 ? NULL : "no thread can be started";
}

void task_begin(const struct applications *applications, const struct channel_end *supervisor,
                const struct channel_message *message) {
    char *name = strdup(message->text);
    char *newline = name ? strchr(name, '\n') : NULL;
    if (newline) {
        *newline = '\0';
    }
    struct task *task = malloc(sizeof *task);
    struct serving serving;
    if (!task || !applications_hold_serving(applications, message->name, &serving)) {
        tell(supervisor, name ? name : "", CHANNEL_TASK_NOT_BEGUN,
             task ? "the application does not serve" : "out of memory");
        free(task);
        free(name);
        return;
    }
    *task = (struct task){
        .supervisor = supervisor,
        .app = strdup(message->name),
        .name = name,
        .call = newline ? newline + 1 : NULL,
        .serving = serving,
    };
    const char *why = start(task);
    if (why) {
        tell(supervisor, name ? name : "", CHANNEL_TASK_NOT_BEGUN, why);
        task_free(task);
    }
}
