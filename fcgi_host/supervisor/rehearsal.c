#include "fcgi_host/supervisor/rehearsal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LEAST_PRIORITY = 19,
    /** A dozen processes, one after the other, most of which take a few seconds. */
    TIMEOUT_S = 900,
};

struct rehearsal {
    struct rehearsal_options options;
    pid_t pid; /* 0: it has been waited for */
    struct loop_source pipe;
    struct loop_timer deadline;
    struct rehearsal_report report;
    size_t bytes; /* of it that have come */
};

/* ---- The process ---- */

/** In the child. Never returns. */
static _Noreturn void be_rehearsal(const struct rehearsal_options *options, int fd,
                                   pid_t supervisor) {
    struct rehearsal_report report;
    worker_process_enter(options->start, supervisor);
    setpriority(PRIO_PROCESS, 0, LEAST_PRIORITY); /* lower is always allowed */
    options->rehearse(options->app, &report);
    ssize_t written = write(fd, &report, sizeof report); /* less than a pipe holds */
    _exit(written == (ssize_t)sizeof report ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* ---- The supervisor ---- */

static void finish(struct rehearsal *rehearsal) {
    loop_remove(rehearsal->options.loop, &rehearsal->pipe);
    loop_disarm(rehearsal->options.loop, &rehearsal->deadline);
    rehearsal->options.done(rehearsal->options.ctx, &rehearsal->report);
}

static void fail(struct rehearsal *rehearsal, const char *why) {
    rehearsal->report = (struct rehearsal_report){.outcome = REHEARSAL_FAILED};
    snprintf(rehearsal->report.why, sizeof rehearsal->report.why, "%s", why);
    finish(rehearsal);
}

/** Code of the application has run beside the writer: the texts need not end. */
static void take_report(struct rehearsal *rehearsal) {
    struct rehearsal_report *report = &rehearsal->report;
    report->finding[sizeof report->finding - 1] = '\0';
    report->why[sizeof report->why - 1] = '\0';
    finish(rehearsal);
}

static void pipe_ready(void *ctx, uint32_t events) {
    struct rehearsal *rehearsal = ctx;
    (void)events;
    ssize_t got = read(rehearsal->pipe.fd, (char *)&rehearsal->report + rehearsal->bytes,
                       sizeof rehearsal->report - rehearsal->bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    rehearsal->bytes += got > 0 ? (size_t)got : 0;
    if (rehearsal->bytes == sizeof rehearsal->report) {
        take_report(rehearsal);
    } else if (got <= 0) {
        fail(rehearsal, "its process has ended without a result");
    }
}

static void time_is_over(void *ctx) {
    char why[64];
    snprintf(why, sizeof why, "it takes longer than %d s", TIMEOUT_S);
    fail(ctx, why);
}

static int start(struct rehearsal *rehearsal, struct error *err) {
    int ends[2];
    pid_t supervisor = getpid();
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return error_set_errno(err, errno, "pipe2");
    }
    rehearsal->pipe.fd = ends[0];
    rehearsal->pid = fork();
    if (rehearsal->pid == 0) {
        close(ends[0]);
        be_rehearsal(&rehearsal->options, ends[1], supervisor);
    }
    close(ends[1]);
    if (rehearsal->pid < 0) {
        rehearsal->pid = 0;
        return error_set_errno(err, errno, "fork");
    }
    return loop_add(rehearsal->options.loop, &rehearsal->pipe, EPOLLIN, err);
}

struct rehearsal *rehearsal_new(const struct rehearsal_options *options, struct error *err) {
    struct rehearsal *rehearsal = calloc(1, sizeof *rehearsal);
    if (!rehearsal) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    rehearsal->options = *options;
    rehearsal->pipe = (struct loop_source){.fd = -1, .ready = pipe_ready, .ctx = rehearsal};
    rehearsal->deadline = (struct loop_timer){.expired = time_is_over, .ctx = rehearsal};
    if (start(rehearsal, err) != 0) {
        rehearsal_free(rehearsal);
        return NULL;
    }
    loop_arm(options->loop, &rehearsal->deadline, (uint64_t)TIMEOUT_S * 1000);
    return rehearsal;
}

void rehearsal_reaped(struct rehearsal *rehearsal, pid_t pid) {
    if (rehearsal && rehearsal->pid == pid) {
        rehearsal->pid = 0;
    }
}

void rehearsal_free(struct rehearsal *rehearsal) {
    if (!rehearsal) {
        return;
    }
    loop_remove(rehearsal->options.loop, &rehearsal->pipe);
    loop_disarm(rehearsal->options.loop, &rehearsal->deadline);
    if (rehearsal->pid > 0) {
        kill(rehearsal->pid, SIGKILL); /* what it has started dies with it; it is reaped later */
    }
    if (rehearsal->pipe.fd >= 0) {
        close(rehearsal->pipe.fd);
    }
    free(rehearsal);
}
