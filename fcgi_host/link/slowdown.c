#include "fcgi_host/link/slowdown.h"

#include <stdlib.h>
#include <string.h>

#include "fcgi_host/link/backoff.h"

/** An application that has crashed a worker; there are few. */
struct entry {
    struct entry *next;
    char *app;
    struct backoff backoff;
    uint64_t crashed_ms; /* the last time; 0: never */
    uint64_t until_ms;
};

struct slowdown {
    struct entry *first;
};

struct slowdown *slowdown_new(void) {
    return calloc(1, sizeof(struct slowdown));
}

void slowdown_free(struct slowdown *slowdown) {
    while (slowdown && slowdown->first) {
        struct entry *entry = slowdown->first;
        slowdown->first = entry->next;
        free(entry->app);
        free(entry);
    }
    free(slowdown);
}

static struct entry *find_entry(const struct slowdown *slowdown, const char *app) {
    struct entry *entry = slowdown->first;
    while (entry && strcmp(entry->app, app) != 0) {
        entry = entry->next;
    }
    return entry;
}

/** @return NULL when out of memory */
static struct entry *find_or_add(struct slowdown *slowdown, const char *app) {
    struct entry *entry = find_entry(slowdown, app);
    if (entry) {
        return entry;
    }
    entry = calloc(1, sizeof *entry);
    char *copy = strdup(app);
    if (!entry || !copy) {
        free(entry);
        free(copy);
        return NULL;
    }
    entry->app = copy;
    entry->next = slowdown->first;
    slowdown->first = entry;
    return entry;
}

unsigned slowdown_crashed(struct slowdown *slowdown, const char *app, uint64_t now_ms) {
    struct entry *entry = find_or_add(slowdown, app);
    if (!entry) {
        return 0;
    }
    uint64_t since_ms = now_ms - entry->crashed_ms;
    unsigned wait_ms = backoff_next_ms(&entry->backoff, now_ms, since_ms ? since_ms : 1);
    entry->crashed_ms = now_ms;
    entry->until_ms = wait_ms ? now_ms + wait_ms : entry->until_ms;
    return wait_ms;
}

void slowdown_set(struct slowdown *slowdown, const char *app, uint64_t until_ms) {
    struct entry *entry = find_or_add(slowdown, app);
    if (entry) {
        entry->until_ms = until_ms;
    }
}

uint64_t slowdown_until_ms(const struct slowdown *slowdown, const char *app) {
    const struct entry *entry = find_entry(slowdown, app);
    return entry ? entry->until_ms : 0;
}
