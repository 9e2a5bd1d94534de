#include "fcgi_host/supervisor/drain.h"

#include "fcgi_host/base/log.h"

enum { MS_PER_S = 1000 };

void drain_init(struct drain *drain, struct loop *loop, void (*over)(void *ctx), void *ctx) {
    *drain = (struct drain){.loop = loop, .end = {.expired = over, .ctx = ctx}};
}

void drain_begin(struct drain *drain, unsigned seconds, const char *cause) {
    log_line(LOG_INFO, "host.draining", NULL, "%s: not ready any more, serves on for %u s", cause,
             seconds);
    drain->is_begun = true;
    loop_arm(drain->loop, &drain->end, (uint64_t)seconds * MS_PER_S);
}

void drain_end(struct drain *drain) {
    loop_disarm(drain->loop, &drain->end);
}
