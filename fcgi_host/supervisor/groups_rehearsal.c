/* Rehearsals (rehearse = on): which application is next, and what is done with what they show. */
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/rehearsal.h"

static void begin_next(struct groups *groups);

static void close_if_open(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

/** In the child: connections are not for it. */
static void in_child(void *ctx) {
    const struct groups *groups = ctx;
    for (const struct group *group = groups->first; group; group = group->next) {
        close_if_open(group->mailbox[0]);
        close_if_open(group->mailbox[1]);
    }
    close_if_open(groups->listen_fd);
    groups->hooks.in_child(groups->hooks.ctx);
}

/* ---- What one has shown ---- */

/** It goes where it belongs, as if the check of a worker had found it. */
static void act_on(const struct groups *groups, const struct app_config *app,
                   const struct rehearsal_report *report) {
    const struct group *group = group_find(groups, grouping_name(groups, app));
    if (group && group->fleet && groups->site == groups->rehearsed) {
        fleet_move_found(group->fleet, app->interpreter, report->why, report->finding);
    }
}

static void on_done(void *ctx, const struct rehearsal_report *report) {
    struct groups *groups = ctx;
    const struct app_config *app = &groups->rehearsed->apps[groups->rehearsed_count - 1];
    const struct log_about about = {.app = app->name};
    if (report->outcome == REHEARSAL_SAME) {
        log_line(LOG_INFO, "rehearsal.same", &about,
                 "in several interpreters as in a plain one%s%s", app->check ? ", asked for " : "",
                 app->check ? app->check : "");
    } else if (report->outcome == REHEARSAL_MAIN) {
        log_line(LOG_WARN, "rehearsal.found", &about, "%s", report->why);
        act_on(groups, app, report);
    } else {
        log_line(LOG_WARN, "rehearsal.failed", &about, "%s", report->why);
    }
    rehearsal_free(groups->rehearsal);
    groups->rehearsal = NULL;
    begin_next(groups);
}

/* ---- Which is next ---- */

static bool is_to_be_rehearsed(const struct groups *groups, const struct app_config *app) {
    return app->rehearse && strcmp(app->interpreter, CONFIG_MAIN_INTERPRETER) != 0 &&
           !(grouping_is_auto(app) && grouping_moved(groups, app->interpreter));
}

static void begin(struct groups *groups, const struct app_config *app) {
    const struct log_about about = {.app = app->name};
    const struct group *group = group_find(groups, grouping_name(groups, app));
    struct error err;
    if (!group || !group->config) {
        return; /* it is leaving, or was never started: the log has said why */
    }
    const struct worker_process_start start = {
        .config = group->config,
        .neighbourhood = {.process = group->name},
        .in_child = in_child,
        .ctx = groups,
    };
    const struct rehearsal_options options = {.loop = groups->loop,
                                              .start = &start,
                                              .app = app,
                                              .rehearse = groups->hooks.rehearse,
                                              .done = on_done,
                                              .ctx = groups};
    groups->rehearsal = rehearsal_new(&options, &err);
    if (!groups->rehearsal) {
        log_line(LOG_WARN, "rehearsal.failed", &about, "%s", err.text);
    }
}

static void begin_next(struct groups *groups) {
    struct config *site = groups->rehearsed;
    /* What another configuration has is tried after the next start. */
    while (!groups->rehearsal && groups->site == site && !groups->is_stopping &&
           groups->rehearsed_count < site->app_count) {
        const struct app_config *app = &site->apps[groups->rehearsed_count++];
        if (is_to_be_rehearsed(groups, app)) {
            begin(groups, app);
        }
    }
    if (!groups->rehearsal) {
        groups_rehearse_no_more(groups);
    }
}

void groups_rehearse(struct groups *groups) {
    groups->rehearsed = groups->site;
    groups->rehearsed->references++;
    begin_next(groups);
}

void groups_rehearse_no_more(struct groups *groups) {
    rehearsal_free(groups->rehearsal);
    groups->rehearsal = NULL;
    config_free(groups->rehearsed);
    groups->rehearsed = NULL;
}
