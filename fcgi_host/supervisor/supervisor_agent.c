/* What load balancers are told of the host. */
#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/readiness.h"
#include "fcgi_host/supervisor/supervisor_internal.h"

/** Of the process group that has the least room. */
static double most_filled(const struct groups *groups) {
    double most = 0;
    for (struct fleet *fleet = groups_next_fleet(groups, NULL); fleet;
         fleet = groups_next_fleet(groups, fleet)) {
        double filled = fleet_filled(fleet);
        most = filled > most ? filled : most;
    }
    return most;
}

static void say(void *ctx, char ret_text[AGENT_TEXT_BYTES]) {
    const struct supervisor *supervisor = ctx;
    const struct groups *groups = supervisor->groups;
    char why[512];
    bool is_ready =
        readiness_of(groups, supervisor->drain.is_begun, "", why, sizeof why) == READINESS_READY;
    const struct agent_look look = {
        .is_stopping = groups_are_stopping(groups),
        .is_draining = supervisor->drain.is_begun,
        .unready = is_ready ? NULL : why,
        .filled = most_filled(groups),
    };
    agent_text(&look, ret_text);
}

void supervisor_open_agent(struct supervisor *supervisor, const struct config *config) {
    const struct agent_hooks hooks = {.ctx = supervisor, .say = say};
    struct error err;
    agent_free(supervisor->agent);
    supervisor->agent = NULL;
    if (config->agent_listen) {
        supervisor->agent = agent_new(supervisor->loop, config->agent_listen, &hooks, &err);
        if (!supervisor->agent) {
            log_line(LOG_ERROR, "agent.failed", NULL, "%s: %s", config->agent_listen, err.text);
        }
    }
}
