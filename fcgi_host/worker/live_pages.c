#include "fcgi_host/worker/live_pages.h"

#include <string.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/live.h"
#include "fcgi_host/config/view.h"
#include "fcgi_host/worker/scripts.h"
#include "fcgi_host/wsgi/wsgi.h"

/** What pages of an application come from that is being loaded. */
static bool draw(const struct app_config *config, struct live_mark *ret_mark) {
    struct live_origin origin = live_draw(config);
    *ret_mark = (struct live_mark){origin.slot, origin.state};
    return origin.slot >= 0;
}

void live_pages_start(const struct worker_start *start) {
    const struct config *site = config_site(start->config);
    const struct home *homes = start->neighbourhood.homes;
    live_start(start->config);
    wsgi_set_live_hook(&(struct wsgi_live_hook){.draw = draw});
    for (size_t i = 0; homes && i < site->app_count; i++) {
        if (homes[i].is_coming) {
            live_hold(&site->apps[i]);
        }
    }
}

int live_pages_serve(struct live_streams *streams, struct intake *intake, struct error *err) {
    if (live_streams_attach(streams, intake, err) != 0) {
        return -1;
    }
    live_accept();
    return 0;
}

static void for_each(const struct applications *applications,
                     void (*each)(void *ctx, struct application *application), void *ctx) {
    for (size_t i = 0; i < applications->app_count; i++) {
        each(ctx, applications->apps[i]);
    }
    scripts_each(applications->scripts, each, ctx);
}

static void expect(void *ctx, struct application *application) {
    const char *names = ctx;
    if (!*names || strstr(names, application->config->name)) { /* one too many does no harm */
        live_expect(application->config);
    }
}

void live_pages_expect(const struct applications *applications, const char *names) {
    for_each(applications, expect, (void *)names);
}

static void show_failure(void *ctx, struct application *application) {
    struct error err;
    (void)ctx;
    if (live_take_error(application->config, &err)) {
        application_set_failure(application, &err);
        if (application->pool_app) {
            pool_app_set_failed(application->pool_app, &err);
        }
    }
}

void live_pages_show_failures(const struct applications *applications) {
    for_each(applications, show_failure, NULL);
}
