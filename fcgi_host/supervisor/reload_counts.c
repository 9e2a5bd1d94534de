#include "fcgi_host/supervisor/reload_counts.h"

#include <stdlib.h>
#include <string.h>

static void count_free(struct reload_count *count) {
    if (count) {
        free(count->process);
        free(count->app);
        free(count);
    }
}

static struct reload_count *count_new(const char *process, const char *app) {
    struct reload_count *count = calloc(1, sizeof *count);
    if (count) {
        count->process = strdup(process);
        count->app = strdup(app);
    }
    if (!count || !count->process || !count->app) {
        count_free(count);
        return NULL;
    }
    return count;
}

struct reload_count *reload_counts_of(struct reload_counts *counts, const char *process,
                                      const char *app) {
    struct reload_count **link = &counts->first;
    while (*link && (strcmp((*link)->app, app) != 0 || strcmp((*link)->process, process) != 0)) {
        link = &(*link)->next;
    }
    if (!*link && counts->count < RELOAD_COUNTS_MAX) {
        *link = count_new(process, app);
        counts->count += *link != NULL;
    }
    return *link;
}

void reload_counts_add(struct reload_counts *counts, const char *process, const char *app,
                       enum reload_outcome outcome) {
    struct reload_count *count = reload_counts_of(counts, process, app);
    if (count) {
        count->switched += outcome == RELOAD_OUTCOME_SWITCHED;
        count->kept += outcome == RELOAD_OUTCOME_KEPT;
        count->replaced += outcome == RELOAD_OUTCOME_REPLACED;
    }
}

void reload_counts_free(struct reload_counts *counts) {
    while (counts->first) {
        struct reload_count *count = counts->first;
        counts->first = count->next;
        count_free(count);
    }
    counts->count = 0;
}
