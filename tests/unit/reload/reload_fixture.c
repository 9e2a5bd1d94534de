#include "tests/unit/reload/reload_fixture.h"

enum reload_strategy fixture_replaces_worker(void *ctx, struct reload_target *target,
                                             const char **ret_why) {
    (void)ctx, (void)target;
    *ret_why = "the test says so";
    return STRATEGY_WORKER;
}

void fixture_no_replacement(void *ctx, struct reload_target *target, bool is_barred,
                            const char *cause, const struct error *why) {
    (void)ctx, (void)target, (void)is_barred, (void)cause, (void)why;
}
