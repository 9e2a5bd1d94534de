#include "fcgi_host/link/reload_outcome.h"

#include <stddef.h>
#include <string.h>

static const char *const s_names[] = {
    [RELOAD_OUTCOME_NONE] = "",
    [RELOAD_OUTCOME_SWITCHED] = "switched",
    [RELOAD_OUTCOME_KEPT] = "kept",
    [RELOAD_OUTCOME_REPLACED] = "replaced",
    [RELOAD_OUTCOME_NEEDS_WORKER] = "worker",
    [RELOAD_OUTCOME_UNKNOWN] = "unknown",
};
enum { NAME_COUNT = sizeof s_names / sizeof s_names[0] };

const char *reload_outcome_name(enum reload_outcome outcome) {
    return (size_t)outcome < NAME_COUNT ? s_names[outcome] : "";
}

enum reload_outcome reload_outcome_parse(const char *name) {
    for (size_t i = 1; i < NAME_COUNT; i++) {
        if (strcmp(name, s_names[i]) == 0) {
            return (enum reload_outcome)i;
        }
    }
    return RELOAD_OUTCOME_NONE;
}
