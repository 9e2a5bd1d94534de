/** Hooks of a reloader whose every reload is a worker replacement, which nobody carries out. */
#ifndef TESTS_UNIT_RELOAD_FIXTURE_H
#define TESTS_UNIT_RELOAD_FIXTURE_H

#include "reload/reloader.h"

enum reload_strategy fixture_replaces_worker(void *ctx, struct reload_target *target,
                                             const char **ret_why);
void fixture_no_replacement(void *ctx, struct reload_target *target, bool is_barred,
                            const char *cause, const struct error *why);

#endif
