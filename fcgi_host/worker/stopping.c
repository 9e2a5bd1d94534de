#include "fcgi_host/worker/stopping.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/orphan.h"
#include "pool/base/clock.h"

/** Applications get this time for their exit functions even when the time is up. */
enum { LEAST_END_MS = 500 };

int stopping_init(struct stopping *stopping, const struct channel_end *supervisor,
                  struct error *err) {
    *stopping = (struct stopping){.supervisor = supervisor};
    stopping->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return stopping->timer_fd < 0 ? error_set_errno(err, errno, "timerfd_create") : 0;
}

static void stop_accepting(struct stopping *stopping) {
    if (stopping->is_last) {
        intake_accept_waiting(stopping->intake);
    }
    intake_stop_accepting(stopping->intake);
    orphan_close_listening();
    channel_tell(stopping->supervisor, &(struct channel_outgoing){.type = CHANNEL_STOPPED});
}

static void end_time(void *ctx, int fd) {
    const struct stopping *stopping = ctx;
    uint64_t count;
    ssize_t ignored = read(fd, &count, sizeof count);
    (void)ignored;
    log_line(LOG_WARN, "worker.unfinished", NULL, "the time to finish has passed");
    intake_stop(stopping->intake);
}

int stopping_attach(struct stopping *stopping, struct intake *intake, struct error *err) {
    stopping->intake = intake;
    if (intake_add_fd(intake, stopping->timer_fd, end_time, stopping, err)) {
        return -1;
    }
    if (stopping->is_begun) {
        stop_accepting(stopping);
    }
    return 0;
}

void stopping_begin(struct stopping *stopping, uint64_t timeout_ms, bool is_last) {
    uint64_t at_ns = clock_now_ns() + timeout_ms * CLOCK_NS_PER_MS;
    if (!stopping->is_begun || at_ns < stopping->at_ns) {
        const struct itimerspec timer = {.it_value =
                                             clock_timespec(timeout_ms * CLOCK_NS_PER_MS + 1)};
        stopping->at_ns = at_ns;
        timerfd_settime(stopping->timer_fd, 0, &timer, NULL);
    }
    if (!stopping->is_begun) {
        stopping->is_begun = true;
        stopping->is_last = is_last;
        if (stopping->intake) {
            stop_accepting(stopping);
        }
    }
}

unsigned stopping_left_ms(const struct stopping *stopping) {
    uint64_t now_ns = clock_now_ns();
    uint64_t left_ms = stopping->at_ns > now_ns ? (stopping->at_ns - now_ns) / CLOCK_NS_PER_MS : 0;
    return left_ms > LEAST_END_MS ? (unsigned)left_ms : LEAST_END_MS;
}
