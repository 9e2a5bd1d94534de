#include "fcgi_host/supervisor/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "pool/base/clock.h"

struct loop {
    int epoll_fd;
    bool is_stopped;
    struct loop_source *sources;
    struct loop_timer *timers; /* few enough for an unsorted list */
    void (*before_sleep)(void *ctx);
    void *before_sleep_ctx;
};

uint64_t loop_now_ms(void) {
    return clock_now_ns() / CLOCK_NS_PER_MS;
}

struct loop *loop_new(struct error *err) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        error_set_errno(err, errno, "epoll_create1");
        free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop) {
    if (loop) {
        close(loop->epoll_fd);
        free(loop);
    }
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event)) {
        return error_set_errno(err, errno, "epoll_ctl");
    }
    source->next = loop->sources;
    loop->sources = source;
    return 0;
}

int loop_change(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err) {
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event)) {
        return error_set_errno(err, errno, "epoll_ctl");
    }
    return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source) {
    for (struct loop_source **link = &loop->sources; *link; link = &(*link)->next) {
        if (*link == source) {
            *link = source->next;
            epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
            return;
        }
    }
}

void loop_arm(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms) {
    timer->at_ms = loop_now_ms() + delay_ms;
    if (!timer->is_armed) {
        timer->is_armed = true;
        timer->next = loop->timers;
        loop->timers = timer;
    }
}

void loop_disarm(struct loop *loop, struct loop_timer *timer) {
    for (struct loop_timer **link = &loop->timers; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            break;
        }
    }
    timer->is_armed = false;
}

static struct loop_timer *nearest(const struct loop *loop) {
    struct loop_timer *nearest = loop->timers;
    for (struct loop_timer *timer = nearest; timer; timer = timer->next) {
        if (timer->at_ms < nearest->at_ms) {
            nearest = timer;
        }
    }
    return nearest;
}

/** How long epoll may sleep. @return milliseconds; -1: until a descriptor is ready */
static int sleep_ms(const struct loop *loop) {
    const struct loop_timer *timer = nearest(loop);
    if (!timer) {
        return -1;
    }
    uint64_t now_ms = loop_now_ms();
    uint64_t left_ms = timer->at_ms > now_ms ? timer->at_ms - now_ms : 0;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

void loop_set_before_sleep(struct loop *loop, void (*before_sleep)(void *ctx), void *ctx) {
    loop->before_sleep = before_sleep;
    loop->before_sleep_ctx = ctx;
}

int loop_run(struct loop *loop, struct error *err) {
    loop->is_stopped = false;
    while (!loop->is_stopped) {
        if (loop->before_sleep) {
            loop->before_sleep(loop->before_sleep_ctx);
        }
        /* One event at a time: its callback may free the sources of others. */
        struct epoll_event event;
        int count = epoll_wait(loop->epoll_fd, &event, 1, sleep_ms(loop));
        if (count < 0 && errno != EINTR) {
            return error_set_errno(err, errno, "epoll_wait");
        }
        if (count == 1) {
            struct loop_source *source = event.data.ptr;
            source->ready(source->ctx, event.events);
        }
        struct loop_timer *timer = nearest(loop);
        if (timer && timer->at_ms <= loop_now_ms()) {
            loop_disarm(loop, timer);
            timer->expired(timer->ctx);
        }
    }
    return 0;
}

void loop_stop(struct loop *loop) {
    loop->is_stopped = true;
}

void loop_close_in_child(struct loop *loop) {
    for (struct loop_source *source = loop->sources; source; source = source->next) {
        close(source->fd);
    }
    close(loop->epoll_fd);
}
