#include "fcgi_host/supervisor/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/status/document.h"
#include "fcgi_host/supervisor/task_time.h"

enum { WHY_BYTES = 256 };

struct task {
    struct task *next;
    struct tasks *all;
    struct task_config config; /**< its own copy */
    struct loop_timer every;
    struct loop_source at; /**< a timerfd(2) of the real time; -1: none */
    int64_t next_s;        /**< CLOCK_REALTIME */
    bool is_due;           /**< it is to run as soon as it can */
    bool is_waiting;       /**< that was logged */
    pid_t runs_in;         /**< a worker; 0: it does not run */
    uint64_t began_ms;     /**< CLOCK_MONOTONIC */
    uint64_t runs, failures;
    /* The last run. */
    const char *outcome; /**< NULL: there was none */
    char why[WHY_BYTES];
    uint64_t took_ms;
    int64_t ended_s; /**< CLOCK_REALTIME */
};

struct tasks {
    struct loop *loop;
    struct groups *groups;
    struct task *first;
    bool is_stopped;
};

/* ---- Running one ---- */

static void log_line_about(enum log_level level, const char *slug, const struct task *task,
                           const char *what) {
    const struct log_about about = {.app = task->config.app};
    log_line(level, slug, &about, "%s: %s", task->config.name, what);
}

/** It cannot run now: it will when tasks_try_again() is called, or its next time has come. */
static void wait_for_application(struct task *task, const char *why) {
    task->is_due = true;
    if (!task->is_waiting) {
        task->is_waiting = true;
        log_line_about(LOG_WARN, "task.waiting", task, why);
    }
}

static void begin(struct task *task) {
    struct groups *groups = task->all->groups;
    struct worker_process *process = fleet_find_serving(groups_fleet_of(groups, task->config.app));
    char text[2 * CHANNEL_NAME_BYTES];
    struct error err;
    task->is_due = true;
    if (!process) {
        groups_wake(groups, task->config.app, "a task is due");
        return;
    }
    snprintf(text, sizeof text, "%s\n%s", task->config.name, task->config.call);
    if (channel_send(process->end.fd,
                     &(struct channel_outgoing){
                         .type = CHANNEL_TASK, .name = task->config.app, .text = text},
                     &err) != 0) {
        wait_for_application(task, err.text);
        return;
    }
    task->is_due = false;
    task->runs_in = process->pid;
    task->began_ms = loop_now_ms();
}

static void set_outcome(struct task *task, bool is_done, const char *why) {
    task->runs++;
    task->failures += !is_done;
    task->outcome = is_done ? "done" : "failed";
    snprintf(task->why, sizeof task->why, "%s", why);
    task->took_ms = loop_now_ms() - task->began_ms;
    task->ended_s = time(NULL);
    task->is_waiting = false;
}

static struct task *find(const struct tasks *tasks, const char *name) {
    struct task *task = tasks->first;
    while (task && strcmp(task->config.name, name) != 0) {
        task = task->next;
    }
    return task;
}

void tasks_ended(struct tasks *tasks, const struct worker_process *process,
                 const struct channel_message *message) {
    struct task *task = find(tasks, message->name);
    if (!task || task->runs_in != process->pid) {
        return; /* of an earlier configuration */
    }
    task->runs_in = 0;
    if (message->number == CHANNEL_TASK_NOT_BEGUN) {
        wait_for_application(task, message->text);
    } else {
        set_outcome(task, message->number == CHANNEL_TASK_DONE, message->text);
    }
}

void tasks_process_gone(struct tasks *tasks, const struct worker_process *process) {
    for (struct task *task = tasks->first; task; task = task->next) {
        if (task->runs_in == process->pid) {
            task->runs_in = 0;
            set_outcome(task, false, "its worker has ended");
            log_line_about(LOG_ERROR, "task.failed", task, "its worker has ended");
        }
    }
}

void tasks_try_again(struct tasks *tasks) {
    for (struct task *task = tasks->first; task && !tasks->is_stopped; task = task->next) {
        if (task->is_due && !task->runs_in &&
            fleet_find_serving(groups_fleet_of(tasks->groups, task->config.app))) {
            begin(task);
        }
    }
}

/* ---- When ---- */

static void on_time(struct task *task) {
    if (task->runs_in) {
        log_line_about(LOG_WARN, "task.late", task, "it still runs, and is left out this time");
    } else {
        begin(task);
    }
}

static void arm_every(struct task *task) {
    task->next_s = time(NULL) + task->config.every_s;
    loop_arm(task->all->loop, &task->every, (uint64_t)task->config.every_s * 1000);
}

static void on_every(void *ctx) {
    struct task *task = ctx;
    arm_every(task);
    on_time(task);
}

/** The kernel tells when somebody sets the clock, too.  @param after_s  a time that has come */
static void arm_at(struct task *task, int64_t after_s) {
    task->next_s = task_time_next(after_s, task->config.at.value);
    const struct itimerspec then = {.it_value.tv_sec = task->next_s};
    timerfd_settime(task->at.fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &then, NULL);
}

static void on_at(void *ctx, uint32_t events) {
    struct task *task = ctx;
    uint64_t count;
    (void)events;
    bool has_come = read(task->at.fd, &count, sizeof count) == sizeof count;
    int64_t now_s = time(NULL); /* a clock that lags behind the timer's */
    arm_at(task, has_come && now_s < task->next_s ? task->next_s : now_s);
    if (has_come) { /* else ECANCELED: the clock was set */
        on_time(task);
    }
}

/** @return 0, or -1 */
static int arm(struct task *task, struct error *err) {
    if (task->config.every_s > 0) {
        task->every = (struct loop_timer){.expired = on_every, .ctx = task};
        arm_every(task);
        return 0;
    }
    task->at = (struct loop_source){.ready = on_at, .ctx = task};
    task->at.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (task->at.fd < 0) {
        return error_set_errno(err, errno, "timerfd_create");
    }
    arm_at(task, time(NULL));
    return loop_add(task->all->loop, &task->at, EPOLLIN, err);
}

static void disarm(struct task *task) {
    loop_disarm(task->all->loop, &task->every);
    if (task->at.fd >= 0) {
        loop_remove(task->all->loop, &task->at);
        close(task->at.fd);
        task->at.fd = -1;
    }
}

/* ---- Which ---- */

static bool is_same(const struct task_config *one, const struct task_config *other) {
    return strcmp(one->name, other->name) == 0 && strcmp(one->app, other->app) == 0 &&
           strcmp(one->call, other->call) == 0 && one->every_s == other->every_s &&
           one->at.is_set == other->at.is_set && one->at.value == other->at.value;
}

static void task_free(struct task *task) {
    free(task->config.name);
    free(task->config.app);
    free(task->config.call);
    free(task);
}

/** @return NULL: out of memory */
static struct task *task_new(struct tasks *all, const struct task_config *config) {
    struct task *task = calloc(1, sizeof *task);
    if (!task) {
        return NULL;
    }
    task->all = all;
    task->at.fd = -1;
    task->config = *config;
    task->config.name = strdup(config->name);
    task->config.app = strdup(config->app);
    task->config.call = strdup(config->call);
    if (task->config.name && task->config.app && task->config.call) {
        return task;
    }
    task_free(task);
    return NULL;
}

/** Take the one with this configuration out of a list. @return NULL: there is none */
static struct task *take(struct task **list, const struct task_config *config) {
    while (*list && !is_same(&(*list)->config, config)) {
        list = &(*list)->next;
    }
    struct task *task = *list;
    if (task) {
        *list = task->next;
    }
    return task;
}

static struct task *make(struct tasks *tasks, const struct task_config *config) {
    struct error err;
    struct task *task = task_new(tasks, config);
    if (task && arm(task, &err) == 0) {
        return task;
    }
    log_line(LOG_ERROR, "task.failed", NULL, "%s is not run: %s", config->name,
             task ? err.text : "out of memory");
    if (task) {
        disarm(task);
        task_free(task);
    }
    return NULL;
}

static void free_all(struct task *list) {
    while (list) {
        struct task *next = list->next;
        disarm(list);
        task_free(list);
        list = next;
    }
}

void tasks_configure(struct tasks *tasks, const struct config *config) {
    struct task *before = tasks->first, **end = &tasks->first;
    for (size_t i = 0; i < config->task_count && !config->ignore_tasks; i++) {
        struct task *task = take(&before, &config->tasks[i]);
        task = task ? task : make(tasks, &config->tasks[i]);
        if (task) {
            *end = task;
            end = &task->next;
        }
    }
    *end = NULL;
    free_all(before);
}

void tasks_stop(struct tasks *tasks) {
    tasks->is_stopped = true;
    for (struct task *task = tasks->first; task; task = task->next) {
        disarm(task);
        task->is_due = false;
    }
}

struct tasks *tasks_new(struct loop *loop, struct groups *groups, struct error *err) {
    struct tasks *tasks = calloc(1, sizeof *tasks);
    if (!tasks) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *tasks = (struct tasks){.loop = loop, .groups = groups};
    return tasks;
}

void tasks_free(struct tasks *tasks) {
    if (tasks) {
        free_all(tasks->first);
        free(tasks);
    }
}

/* ---- Status ---- */

static void write_one(const struct task *task, struct json_writer *json) {
    json_begin_object(json, NULL);
    document_add_text(json, STATUS_HOST_TASK_NAME, task->config.name);
    document_add_text(json, STATUS_HOST_TASK_APP, task->config.app);
    document_add_text(json, STATUS_HOST_TASK_CALL, task->config.call);
    document_add_text(json, STATUS_HOST_TASK_STATE,
                      task->runs_in  ? "running"
                      : task->is_due ? "waiting"
                                     : "idle");
    document_add_integer(json, STATUS_HOST_TASK_RUNS, (int64_t)task->runs);
    document_add_integer(json, STATUS_HOST_TASK_FAILURES, (int64_t)task->failures);
    document_add_time(json, STATUS_HOST_TASK_NEXT_AT, task->next_s);
    document_add_text(json, STATUS_HOST_TASK_OUTCOME, task->outcome);
    document_add_text(json, STATUS_HOST_TASK_WHY, task->outcome ? task->why : NULL);
    document_add_number(json, STATUS_HOST_TASK_TOOK_MS, (double)task->took_ms);
    document_add_time(json, STATUS_HOST_TASK_ENDED_AT, task->ended_s);
    json_end_object(json);
}

void tasks_write(const struct tasks *tasks, struct json_writer *json) {
    document_begin_list(json, STATUS_HOST_TASKS);
    for (const struct task *task = tasks->first; task; task = task->next) {
        write_one(task, json);
    }
    json_end_array(json);
}
