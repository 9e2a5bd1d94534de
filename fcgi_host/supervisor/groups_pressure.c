/* When memory is short: what is kept for speed alone is given back. */
#include "fcgi_host/base/control_group.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "fcgi_host/supervisor/memory_pressure.h"
#include "fcgi_host/supervisor/template.h"

static void is_short(void *ctx) {
    static const struct channel_outgoing s_message = {.type = CHANNEL_MEMORY_SHORT};
    const struct groups *groups = ctx;
    for (struct worker_process *process = groups_next_process(groups, NULL); process;
         process = groups_next_process(groups, process)) {
        channel_tell(&process->end, &s_message);
    }
    for (struct fleet *fleet = groups_next_fleet(groups, NULL); fleet;
         fleet = groups_next_fleet(groups, fleet)) {
        if (fleet_is_asleep(fleet) && fleet_template(fleet)) {
            template_give_back(fleet_template(fleet));
        }
    }
}

void groups_pressure_open(struct groups *groups) {
    const struct memory_pressure_options options = {
        .loop = groups->loop,
        .mounts = CONTROL_GROUP_MOUNTS,
        .own = CONTROL_GROUP_OWN,
        .system = MEMORY_PRESSURE_SYSTEM,
        .is_short = is_short,
        .ctx = groups,
    };
    struct error err; /* this kernel does not tell: nothing is given back for that */
    groups->pressure = memory_pressure_new(&options, &err);
}
