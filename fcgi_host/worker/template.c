#include "pool/python/py_compat.h"

#include "fcgi_host/worker/template.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_target.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/link/worker_order.h"
#include "fcgi_host/recycle/library_files.h"
#include "fcgi_host/worker/python_start.h"
#include "fcgi_host/worker/worker.h"
#include "fcgi_host/wsgi/wsgi.h"
#include "pool/python/py_error.h"
#include "pool/python/runtime_fork.h"

/** What ps(1) shows of a template's thread, and what of a worker's. */
enum { COMM_BYTES = 16 };
static const char s_comm[COMM_BYTES] = "fcgi_template";

/** The name of the log's writer thread, which fork() knows about (base/log_stream.c). */
#define LOG_THREAD "log"

struct template {
    const struct template_start *start;
    struct channel_end supervisor;
    pid_t supervisor_pid;
    char comm[COMM_BYTES]; /* of a worker */
    struct wsgi_preload_report report;
    struct library_files *files; /* what is loaded */
};

/* ---- Making ---- */

static bool is_log_thread(const char *task) {
    char path[64], name[COMM_BYTES + 1] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", task);
    FILE *file = fopen(path, "re");
    if (file) {
        bool is_read = fgets(name, sizeof name, file) != NULL;
        fclose(file);
        name[is_read ? strcspn(name, "\n") : 0] = '\0';
    }
    return strcmp(name, LOG_THREAD) == 0;
}

/** @return whether no library has a thread, which would not be there in a child */
static bool is_alone(void) {
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *task; tasks && (task = readdir(tasks));) {
        count += task->d_name[0] != '.' && !is_log_thread(task->d_name);
    }
    if (tasks) {
        closedir(tasks);
    }
    return count == 1;
}

/** What is there now is not looked at by the garbage collector, which would write into it. */
static int freeze(struct error *err) {
    PyObject *gc = PyImport_ImportModule("gc");
    PyObject *done = gc ? PyObject_CallMethod(gc, "collect", NULL) : NULL;
    if (done) {
        Py_SETREF(done, PyObject_CallMethod(gc, "freeze", NULL));
    }
    Py_XDECREF(gc);
    Py_XDECREF(done);
    return done ? 0 : py_error_take(err);
}

/** @tstate attached */
static int import_all(struct template *template, struct error *err) {
    const struct app_config *app = &template->start->worker->config->apps[0];
    const struct template_start *start = template->start;
    const struct wsgi_preload_order order = {
        .list = {(char *)start->libraries, start->libraries_bytes},
        .memory = {(char *)start->memory, start->memory_bytes},
        .names = start->libraries ? NULL : config_preload(start->worker->config),
        .is_process = true,
    };
    if (wsgi_setup_ahead(&app, 1, err) != 0 ||
        wsgi_preload_prepare(&order, &template->report, err) != 0) {
        return PyErr_Occurred() ? py_error_take(err) : -1;
    }
    if (!template->report.may_serve) {
        return error_set(err, ERR_FAILED, "%s", template->report.why);
    }
    return freeze(err);
}

static int make(struct template *template, struct error *err) {
    const struct worker_start *worker = template->start->worker;
    if (python_start(worker->config, err) != 0 || !(template->files = library_files_new(err))) {
        return -1;
    }
    python_set_process(worker->is_one_of_many);
    runtime_attach_first();
    int rc = import_all(template, err);
    runtime_detach_first();
    if (rc == 0 && !is_alone()) {
        rc = error_set(err, ERR_FAILED, "a library has started a thread");
    }
    return rc;
}

static void tell_ready(const struct template *template) {
    char ms[32];
    snprintf(ms, sizeof ms, "%.1f", template->report.ms);
    channel_tell(&template->supervisor, &(struct channel_outgoing){
                                            .type = CHANNEL_TEMPLATE_READY,
                                            .number = template->report.modules,
                                            .name = ms,
                                            .text = template->report.why,
                                        });
}

static void tell_learnt(const struct template *template, enum channel_type type, const char *why,
                        const struct wsgi_modules *memory) {
    struct error err;
    int fd = memory->bytes ? channel_make_file(memory->bytes, memory->size, &err) : -1;
    channel_tell(&template->supervisor,
                 &(struct channel_outgoing){.type = type, .text = why, .fd = &fd});
    if (fd >= 0) {
        close(fd);
    }
}

static void tell_unfit(const struct template *template, const struct error *why) {
    const struct wsgi_modules nothing = {NULL, 0};
    bool has_learnt = !template->report.may_serve;
    tell_learnt(template, CHANNEL_TEMPLATE_UNFIT, why->text,
                has_learnt ? &template->report.memory : &nothing);
}

/* ---- A worker ---- */

/** Wait until the template says that the supervisor knows of this process. @return whether it did
 */
static bool await_permission(int gate_fd) {
    char byte;
    ssize_t count;
    do {
        count = read(gate_fd, &byte, 1);
    } while (count < 0 && errno == EINTR);
    close(gate_fd);
    return count == 1;
}

/** In the child. @return the process's exit status */
static int be_worker(const struct template *template, const struct worker_order *order,
                     int gate_fd) {
    static struct worker_start s_start; /* as long as the process */
    struct error err;
    close(template->start->orders_fd);
    if (!await_permission(gate_fd) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() != template->supervisor_pid) {
        return 1;
    }
    prctl(PR_SET_NAME, template->comm);
    s_start = *template->start->worker;
    s_start.neighbourhood = order->neighbourhood;
    s_start.listen_fd = order->listen_fd;
    s_start.channel_fd = order->channel_fd;
    s_start.modules_fd = order->modules_fd;
    s_start.last_words_fd = order->last_words_fd;
    s_start.balance = order->balance_member < 0 ? NULL : s_start.balance;
    s_start.balance_member = order->balance_member;
    s_start.preloaded = (struct preloaded){.modules = template->report.modules,
                                           .saved_ms = template->report.ms,
                                           .why = template->report.why};
    s_start.board = scoreboard_open(order->board_fd, &err);
    close(order->board_fd);
    if (!s_start.board) {
        log_line(LOG_ERROR, "worker.failed", NULL, "%s", err.text);
        return 1;
    }
    return worker_run(&s_start);
}

/** Whether what was imported is still what would be imported; if not, the supervisor is told. */
static bool is_current(const struct template *template) {
    char path[PATH_MAX] = "";
    struct wsgi_modules memory = {NULL, 0};
    struct error err;
    runtime_attach_first();
    bool is_known = wsgi_preload_find_changed(&memory, path, sizeof path, &err) == 0;
    if (!is_known && PyErr_Occurred()) {
        py_error_take(&err);
    }
    runtime_detach_first();
    if (is_known && !*path) {
        library_files_have_changed(template->files, path, sizeof path);
    }
    if (!is_known || *path) {
        tell_learnt(template, CHANNEL_TEMPLATE_STALE, is_known ? path : err.text, &memory);
        free(memory.bytes);
    }
    return is_known && !*path;
}

/** The child goes on when the supervisor has been told of it. */
static void let_go(const struct template *template, pid_t child, int gate_fd) {
    const struct channel_outgoing answer = {.type = CHANNEL_TEMPLATE_FORKED,
                                            .number = (uint64_t)child};
    if (channel_send(template->supervisor.fd, &answer, NULL) == 0 && write(gate_fd, "", 1) != 1) {
        kill(child, SIGKILL); /* never so: the pipe is empty */
    }
}

static void tell_useless(const struct template *template, const char *why) {
    channel_tell(&template->supervisor,
                 &(struct channel_outgoing){.type = CHANNEL_TEMPLATE_STALE, .text = why});
}

/** @return true in a child, with its exit status when it has ended */
static bool start_worker(const struct template *template, const struct worker_order *order,
                         int *ret_status) {
    struct error err;
    int gate[2];
    if (!is_current(template)) {
        return false;
    }
    if (pipe2(gate, O_CLOEXEC) != 0) {
        tell_useless(template, strerrorname_np(errno));
        return false;
    }
    pid_t child = runtime_fork_orphan(&err);
    if (child == 0) {
        close(gate[1]);
        *ret_status = be_worker(template, order, gate[0]);
        return true;
    }
    if (child > 0) {
        let_go(template, child, gate[1]);
    } else {
        tell_useless(template, err.text);
    }
    close(gate[0]);
    close(gate[1]);
    return false;
}

/* ---- Orders ---- */

static void change_log(struct worker_order *order) {
    struct error err;
    struct log_target *target = log_target_find(order->log_name);
    if (target) {
        if (log_target_use(target, order->log_fd, &err) != 0) {
            log_line(LOG_ERROR, "log.failed", NULL, "%s", err.text);
        }
        order->log_fd = -1; /* taken over */
    }
}

/** Obey until there is no more to obey. @return the exit status */
static int obey(const struct template *template) {
    for (;;) {
        struct pollfd wanted = {.fd = template->start->orders_fd, .events = POLLIN};
        struct worker_order order;
        struct error err;
        int status;
        if (poll(&wanted, 1, -1) < 0) {
            continue; /* EINTR */
        }
        if (worker_order_receive(wanted.fd, &order, &err) != 0) {
            if (err.code == ERR_CLOSED) {
                return 0;
            }
            if (err.code != ERR_BUSY) {
                tell_useless(template, err.text);
            }
            continue;
        }
        if (order.log_fd >= 0 && order.log_name) {
            change_log(&order);
        }
        if (order.channel_fd >= 0 && start_worker(template, &order, &status)) {
            return status;
        }
        worker_order_free(&order);
    }
}

int template_run(const struct template_start *start) {
    static struct template s_template; /* as long as the process, and its children */
    struct template *template = &s_template;
    struct error err;
    *template = (struct template){
        .start = start, .supervisor = {.fd = start->orders_fd}, .supervisor_pid = getppid()};
    prctl(PR_GET_NAME, template->comm);
    prctl(PR_SET_NAME, s_comm);
    if (make(template, &err) != 0) {
        tell_unfit(template, &err);
        return 0;
    }
    tell_ready(template);
    return obey(template);
}
