/* Groups that are asleep: what comes for them starts a worker. */
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/supervisor/groups_internal.h"

static const char s_request[] = "a request has come";

static bool is_asleep(const struct group *group) {
    return group->fleet && fleet_is_asleep(group->fleet) && !group->is_leaving;
}

/** Watch a duplicate, since the loop's descriptors are closed in a worker, which needs this one. */
static void watch(struct groups *groups, struct loop_source *source, int fd,
                  void (*ready)(void *ctx, uint32_t events), void *ctx) {
    struct error err;
    *source = (struct loop_source){.ready = ready, .ctx = ctx};
    source->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (source->fd >= 0 && loop_add(groups->loop, source, EPOLLIN, &err) != 0) {
        log_line(LOG_ERROR, "process.failed", NULL, "requests cannot start a process: %s",
                 err.text);
        close(source->fd);
        source->fd = -1;
    }
}

static void unwatch(struct groups *groups, struct loop_source *source) {
    if (source->fd >= 0) {
        loop_remove(groups->loop, source);
        close(source->fd);
        source->fd = -1;
    }
}

void group_unwatch(struct group *group) {
    unwatch(group->all, &group->passed);
}

void group_wake(struct group *group, const char *why) {
    unwatch(group->all, &group->passed);
    if (is_asleep(group)) {
        log_line(LOG_INFO, "process.started", NULL, "process %s: %s", group->name, why);
        fleet_wake(group->fleet);
    }
}

/** A worker of another group has passed something to this one. */
static void on_passed(void *ctx, uint32_t events) {
    struct group *group = ctx;
    (void)events;
    group_wake(group, s_request);
    if (group->all->is_stopping) {
        group_stop(group, true);
    }
    groups_watch_sleepers(group->all);
}

/** The group whose worker is to accept when no other does. */
static struct group *find_first(const struct groups *groups) {
    struct group *shared = group_find(groups, CONFIG_PROCESS_SHARED);
    struct group *group = groups->first;
    while (group && !is_asleep(group)) {
        group = group->next;
    }
    return shared && is_asleep(shared) ? shared : group;
}

static void on_connection(void *ctx, uint32_t events) {
    struct groups *groups = ctx;
    (void)events;
    groups_wake_for_connections(groups);
}

void groups_wake_for_connections(struct groups *groups) {
    struct group *group = find_first(groups);
    unwatch(groups, &groups->connections);
    if (group) {
        group_wake(group, s_request);
    }
    groups_watch_sleepers(groups);
}

void groups_wake(struct groups *groups, const char *app, const char *why) {
    struct group *group = group_of_app(groups, app);
    if (group) {
        group_wake(group, why);
    }
    groups_watch_sleepers(groups);
}

bool groups_need_waking(const struct groups *groups) {
    for (const struct group *group = groups->first; group; group = group->next) {
        if (group->fleet && !group->is_leaving && fleet_will_accept(group->fleet)) {
            return false;
        }
    }
    return find_first(groups) != NULL;
}

void groups_stop_sleepers(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (is_asleep(group) && !fleet_is_stopping(group->fleet)) {
            group_stop(group, group_has_passed_waiting(group));
        }
    }
}

const char *groups_asleep(const struct groups *groups, size_t index,
                          const struct config **ret_config) {
    for (const struct group *group = groups->first; group; group = group->next) {
        if (is_asleep(group) && index-- == 0) {
            *ret_config = fleet_part(group->fleet);
            return group->name;
        }
    }
    return NULL;
}

/** There is nothing to wait for: the first request starts what serves it. */
static void tell_serving(struct groups *groups) {
    if (!groups->is_serving) {
        groups->is_serving = true;
        groups->hooks.serving(groups->hooks.ctx);
    }
}

void groups_watch_sleepers(struct groups *groups) {
    for (struct group *group = groups->first; group; group = group->next) {
        if (!is_asleep(group) || fleet_is_stopping(group->fleet)) {
            unwatch(groups, &group->passed);
        } else if (group->passed.fd < 0) {
            watch(groups, &group->passed, group->mailbox[1], on_passed, group);
        }
    }
    if (groups->is_stopping || !groups_need_waking(groups)) {
        unwatch(groups, &groups->connections);
    } else if (groups->connections.fd < 0) {
        watch(groups, &groups->connections, groups->listen_fd, on_connection, groups);
        tell_serving(groups);
    }
}
