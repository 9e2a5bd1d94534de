#include "fcgi_host/commands/audit_process.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/commands/audit_fault.h"
#include "fcgi_host/commands/audit_rehearse.h"
#include "pool/base/clock.h"

/** How long a process that hangs may take to say where. */
enum { ANSWER_MS = 2000 };
/** What C code frees becomes bytes of this, what it is given their complement: no addresses. */
enum { FREED_BYTE = 0xa5 };

/** In the new process: what the target prints goes nowhere. */
static _Noreturn void be_child(const struct audit_target *target, enum audit_way way, int fd) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* what it starts goes with it */
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    bool is_rehearsal = way >= AUDIT_PLAIN;
    if (!is_rehearsal || target->fills_memory) {
        /* Else what stands in memory from its last use would be found, by chance, to be held. */
        mallopt(M_PERTURB, FREED_BYTE);
    }
    if (is_rehearsal) {
        audit_rehearse(target, way, fd);
    } else {
        audit_child(target, way, fd);
    }
    _exit(EXIT_SUCCESS);
}

struct reader {
    char buffer[16384];
    size_t used;
};

/** Read what is there. @return 1 more may come, 0 the end, -1 with *err */
static int read_lines(struct reader *reader, int fd, struct audit_result *result,
                      enum audit_way way, struct error *err) {
    ssize_t got = read(fd, reader->buffer + reader->used, sizeof reader->buffer - reader->used);
    if (got < 0) {
        return error_set_errno(err, errno, "reading from the audit's process");
    }
    reader->used += (size_t)got;
    char *line = reader->buffer, *end;
    while ((end = memchr(line, '\n', reader->used - (size_t)(line - reader->buffer)))) {
        *end = '\0';
        if (audit_result_line(result, way, line, err) != 0) {
            return -1;
        }
        line = end + 1;
    }
    reader->used -= (size_t)(line - reader->buffer);
    memmove(reader->buffer, line, reader->used);
    if (reader->used == sizeof reader->buffer) {
        return error_set(err, ERR_PROTOCOL, "a line of the audit's process has no end");
    }
    return got > 0;
}

/** Read until the process closes its end or has written no line in time. */
static int listen_to(int fd, pid_t child, struct audit_result *result, enum audit_way way,
                     unsigned timeout_s, struct error *err) {
    struct reader *reader = calloc(1, sizeof *reader);
    struct audit_run *run = &result->runs[way];
    double deadline_ms = clock_now_ms() + timeout_s * 1000.0;
    int more = 1;
    if (!reader) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    while (more > 0 && !run->is_done) {
        double left_ms = deadline_ms - clock_now_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int ready = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;
        if (ready == 0 && !run->has_timed_out && run->thread > 0) {
            /* Where is it? */
            run->has_timed_out = true;
            syscall(SYS_tgkill, child, run->thread, AUDIT_FAULT_ASK);
            deadline_ms = clock_now_ms() + ANSWER_MS;
            continue;
        }
        if (ready == 0) {
            run->has_timed_out = true;
            break;
        }
        if (ready > 0) {
            more = read_lines(reader, fd, result, way, err);
        } else if (errno != EINTR) {
            more = error_set_errno(err, errno, "poll");
        }
    }
    free(reader);
    return more < 0 ? -1 : 0;
}

/** Note how the process ended: a signal and an exit status other than 0 are crashes. */
static void note_end(struct audit_run *run, int status, unsigned timeout_s) {
    char step[sizeof run->step]; /* a copy: it stands in the same structure as `error` */
    memcpy(step, run->step, sizeof step);
    if (run->has_timed_out) {
        run->has_crashed = true;
        snprintf(run->error, sizeof run->error, "hangs: nothing came of \"%s\" within %u s", step,
                 timeout_s);
    } else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        run->has_crashed = true;
        snprintf(run->error, sizeof run->error, "killed by signal SIG%s during \"%s\"",
                 name ? name : "?", step);
    } else if (!run->is_done) {
        run->has_crashed = true;
        snprintf(run->error, sizeof run->error, "exited with %d during \"%s\"", WEXITSTATUS(status),
                 step);
    }
}

int audit_process_run(struct audit_result *result, const struct audit_target *target,
                      enum audit_way way, unsigned timeout_s, struct error *err) {
    int ends[2];
    struct audit_run *run = &result->runs[way];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set_errno(err, errno, "pipe2");
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        be_child(target, way, ends[1]);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return error_set_errno(err, errno, "fork");
    }
    run->was_run = true;
    int failed = listen_to(ends[0], child, result, way, timeout_s, err);
    if (run->has_timed_out || failed) {
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    kill(-child, SIGKILL); /* what it started and left */
    close(ends[0]);
    note_end(run, status, timeout_s);
    return failed;
}
