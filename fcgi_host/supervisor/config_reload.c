#include "fcgi_host/supervisor/config_reload.h"

#include <stdio.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/config/load.h"
#include "fcgi_host/link/live_board.h"
#include "fcgi_host/supervisor/notify.h"
#include "fcgi_host/supervisor/service_status.h"
#include "pool/base/clock.h"

static void notify_reloading(void) {
    char state[96];
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(clock_now_ns() / 1000));
    notify_send(state);
}

static void on_replaced(void *ctx, const struct replacement_result *result) {
    (void)ctx;
    notify_send("READY=1");
    if (result->is_kept) {
        log_line(LOG_ERROR, "host.config", NULL, "the configuration in effect stays: %s",
                 result->why);
        service_status_refused(result->why);
    }
}

void config_open_live(const struct config *config) {
    struct error err;
    if (config->live && live_board_open(&err) != 0) {
        log_line(LOG_ERROR, "live.failed", NULL, "pages do not reload themselves: %s", err.text);
    }
}

void config_reload(struct groups *groups, int argc, char **argv) {
    struct command_line line;
    struct config *config = NULL;
    struct error err;
    if (groups_are_stopping(groups)) {
        return;
    }
    notify_reloading();
    if (config_load(argc, argv, &line, &config, &err)) {
        log_line(LOG_ERROR, "host.config", NULL, "the configuration in effect stays: %s", err.text);
        service_status_refused(err.text);
        notify_send("READY=1");
        return;
    }
    config_open_live(config);
    live_board_expect(-1);
    log_line(LOG_INFO, "host.config", NULL, "configuration read again, applications are recycled");
    groups_reconfigure(groups, config, on_replaced, NULL);
}
