#include "fcgi_host/supervisor/template_process.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_stream.h"
#include "pool/base/clock.h"

enum { END_TIMEOUT_MS = 1000 };

static void close_if_open(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

/** What each worker gets with its order, and a template that lives longer must not keep open. */
static void close_workers(const struct worker_process_start *start) {
    const struct neighbourhood *neighbourhood = &start->neighbourhood;
    close_if_open(start->listen_fd);
    close_if_open(start->modules_fd);
    close_if_open(neighbourhood->mailbox_fd);
    size_t homes = neighbourhood->homes ? worker_process_home_count(start) : 0;
    for (size_t i = 0; i < homes; i++) { /* some several times, which does no harm here */
        close_if_open(neighbourhood->homes[i].mailbox_fd);
    }
    for (size_t i = 0; i < neighbourhood->script_count; i++) {
        close_if_open(neighbourhood->script_homes[i].home.mailbox_fd);
    }
}

/** In the child. Never returns. */
static void be_template(const struct worker_process_start *start, const struct library_list *list,
                        const struct library_list *memory, template_run_function *run,
                        const int ends[2], pid_t supervisor) {
    close(ends[0]);
    worker_process_enter(start, supervisor);
    close_workers(start);
    struct worker_start worker;
    worker_process_describe(start, &worker);
    const struct template_start template = {
        .worker = &worker,
        .orders_fd = ends[1],
        .libraries = list ? list->bytes : NULL,
        .libraries_bytes = list ? list->size : 0,
        .memory = memory->bytes,
        .memory_bytes = memory->size,
    };
    int status = run(&template);
    log_stream_flush();
    _exit(status);
}

struct template_process *template_process_start(const struct worker_process_start *start,
                                                const struct library_list *list,
                                                const struct library_list *memory,
                                                template_run_function *run, struct error *err) {
    int ends[2];
    pid_t supervisor = getpid();
    struct template_process *process = calloc(1, sizeof *process);
    if (!process) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        error_set_errno(err, errno, "PR_SET_CHILD_SUBREAPER");
        free(process);
        return NULL;
    }
    if (channel_pair(ends, err) != 0) {
        free(process);
        return NULL;
    }
    process->pid = fork();
    if (process->pid == 0) {
        be_template(start, list, memory, run, ends, supervisor);
    }
    if (process->pid < 0) {
        error_set_errno(err, errno, "fork");
        close(ends[0]);
        free(process);
        process = NULL;
    } else {
        process->channel.fd = ends[0];
        process->memory_fd = -1;
    }
    close(ends[1]);
    return process;
}

/* ---- Orders ---- */

/** Code of an application runs in a template: what it says need not be so.
 *  @return the process id, of a child of this process; or -1 with ERR_PROTOCOL */
static pid_t check_child(uint64_t number, struct error *err) {
    siginfo_t info;
    bool is_child = number > 0 && number <= INT_MAX &&
                    waitid(P_PID, (id_t)number, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
    return is_child ? (pid_t)number
                    : error_set(err, ERR_PROTOCOL, "it names a process that is no child");
}

/** @return the answer's worker; 0: there is no answer yet; -1: ERR_FAILED, ERR_CLOSED … */
static pid_t read_answer(struct template_process *process, struct error *err) {
    struct channel_message message;
    if (channel_receive(process->channel.fd, &message, err) != 0) {
        return err->code == ERR_BUSY ? 0 : -1;
    }
    if (message.fd >= 0) {
        close_if_open(process->memory_fd);
        process->memory_fd = message.fd;
    }
    if (message.type == CHANNEL_TEMPLATE_FORKED) {
        return check_child(message.number, err);
    }
    return message.type == CHANNEL_TEMPLATE_STALE ? error_set(err, ERR_FAILED, "%s", message.text)
                                                  : 0;
}

static pid_t await_answer(struct template_process *process, unsigned timeout_ms,
                          struct error *err) {
    struct timespec deadline = clock_deadline(timeout_ms);
    pid_t pid = read_answer(process, err);
    int64_t left_ns;
    while (pid == 0 && (left_ns = clock_left_ns(&deadline)) > 0) {
        struct pollfd wanted = {.fd = process->channel.fd, .events = POLLIN};
        poll(&wanted, 1, (int)(left_ns / CLOCK_NS_PER_MS) + 1);
        pid = read_answer(process, err);
    }
    return pid;
}

pid_t template_process_fork(struct template_process *process, const struct worker_order *order,
                            unsigned timeout_ms, struct error *err) {
    if (worker_order_send(process->channel.fd, order, err) != 0) {
        return -1;
    }
    pid_t pid = await_answer(process, timeout_ms, err);
    if (pid ==
        0) { /* a worker that it has forked just now begins nothing unless we are told of it */
        kill(process->pid, SIGKILL);
        pid = await_answer(process, END_TIMEOUT_MS, err);
        if (pid <= 0) {
            return error_set(err, ERR_TIMEOUT, "it does not answer");
        }
    }
    if (pid < 0 && err->code != ERR_FAILED) { /* what it does with the order is not known */
        kill(process->pid, SIGKILL);
        error_prefix(err, "no answer");
        err->code = ERR_CLOSED;
    }
    return pid;
}

void template_process_use_log(const struct template_process *process, const char *name, int fd) {
    struct worker_order order = worker_order_none;
    struct error err;
    order.log_fd = fd;
    order.log_name = name;
    if (worker_order_send(process->channel.fd, &order, &err) != 0 && err.code != ERR_CLOSED) {
        log_line(LOG_WARN, "worker.deaf", NULL, "template %d: %s", (int)process->pid, err.text);
    }
}

/* ---- The end ---- */

void template_process_end(struct template_process *process) {
    if (process) {
        kill(process->pid, SIGKILL);
        close(process->channel.fd);
        close_if_open(process->memory_fd);
        free(process);
    }
}

void template_process_end_now(struct template_process *process) {
    pid_t pid = process ? process->pid : 0;
    template_process_end(process);
    int fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (fd >= 0) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        poll(&wanted, 1, END_TIMEOUT_MS);
        close(fd);
        waitpid(pid, NULL, WNOHANG);
    }
}
