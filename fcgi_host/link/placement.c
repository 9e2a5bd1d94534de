#include "fcgi_host/link/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CRASHES_TO_FAIL = 2, KILLS_TO_FAIL = 3 };

/** An interpreter (moved) or an application (crashed); there are few of either. */
struct entry {
    struct entry *next;
    char *name;
    char *why;
    char *guessed_for; /* of a moved one: the application that crashed; NULL: a module refused */
    unsigned crashes, kills;
    bool is_failed;
};

struct placement {
    struct entry *moved;
    struct entry *crashed;
};

struct placement *placement_new(void) {
    return calloc(1, sizeof(struct placement));
}

static void entry_free(struct entry *entry) {
    free(entry->name);
    free(entry->why);
    free(entry->guessed_for);
    free(entry);
}

static void entries_free(struct entry **list) {
    while (*list) {
        struct entry *entry = *list;
        *list = entry->next;
        entry_free(entry);
    }
}

void placement_clear(struct placement *placement) {
    entries_free(&placement->moved);
    entries_free(&placement->crashed);
}

void placement_free(struct placement *placement) {
    if (placement) {
        placement_clear(placement);
        free(placement);
    }
}

static struct entry *find_entry(struct entry *list, const char *name) {
    while (list && strcmp(list->name, name) != 0) {
        list = list->next;
    }
    return list;
}

/** Append, so that the order stays. @return NULL when out of memory */
static struct entry *add_entry(struct entry **list, const char *name, const char *why) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) {
        return NULL;
    }
    entry->name = strdup(name);
    entry->why = strdup(why);
    if (!entry->name || !entry->why) {
        entry_free(entry);
        return NULL;
    }
    while (*list) {
        list = &(*list)->next;
    }
    *list = entry;
    return entry;
}

const char *placement_main_reason(const struct placement *placement, const char *interpreter) {
    const struct entry *entry = find_entry(placement->moved, interpreter);
    return entry ? entry->why : NULL;
}

int placement_move_to_main(struct placement *placement, const char *interpreter, const char *why,
                           struct error *err) {
    if (find_entry(placement->moved, interpreter)) {
        return 0;
    }
    return add_entry(&placement->moved, interpreter, why)
               ? 1
               : error_set(err, ERR_MEMORY, "out of memory");
}

const char *placement_moved(const struct placement *placement, size_t index) {
    const struct entry *entry = placement->moved;
    for (; entry && index > 0; index--) {
        entry = entry->next;
    }
    return entry ? entry->name : NULL;
}

enum placement_verdict placement_crashed(struct placement *placement, const char *app,
                                         const char *interpreter, bool is_main, const char *why,
                                         bool was_killed) {
    struct entry *entry = find_entry(placement->crashed, app);
    if (!entry) {
        entry = add_entry(&placement->crashed, app, why);
        if (!entry) {
            return PLACEMENT_RETRY;
        }
    }
    char *copy = strdup(why);
    if (copy) {
        free(entry->why);
        entry->why = copy;
    }
    if (was_killed) {
        entry->is_failed = ++entry->kills >= KILLS_TO_FAIL;
        return entry->is_failed ? PLACEMENT_FAILED : PLACEMENT_RETRY;
    }
    if (++entry->crashes >= CRASHES_TO_FAIL) {
        entry->is_failed = true;
        return PLACEMENT_FAILED;
    }
    if (!is_main && placement_move_to_main(placement, interpreter, why, NULL) == 1) {
        find_entry(placement->moved, interpreter)->guessed_for = strdup(app);
        return PLACEMENT_MOVED;
    }
    return PLACEMENT_RETRY;
}

const char *placement_failed_reason(const struct placement *placement, const char *app) {
    const struct entry *entry = find_entry(placement->crashed, app);
    return entry && entry->is_failed ? entry->why : NULL;
}

bool placement_has_failed(const struct placement *placement) {
    const struct entry *entry = placement->crashed;
    while (entry && !entry->is_failed) {
        entry = entry->next;
    }
    return entry != NULL;
}

static void remove_crashed(struct placement *placement, const char *app) {
    for (struct entry **link = &placement->crashed; *link; link = &(*link)->next) {
        if (strcmp((*link)->name, app) == 0) {
            struct entry *entry = *link;
            *link = entry->next;
            entry_free(entry);
            return;
        }
    }
}

void placement_loaded(struct placement *placement, const char *app) {
    remove_crashed(placement, app);
}

void placement_forget_guesses(struct placement *placement, const char *app) {
    for (struct entry **link = &placement->moved; *link;) {
        struct entry *entry = *link;
        if (entry->guessed_for && (!app || strcmp(entry->guessed_for, app) == 0)) {
            *link = entry->next;
            entry_free(entry);
        } else {
            link = &entry->next;
        }
    }
}

void placement_retry(struct placement *placement, const char *app) {
    placement_forget_guesses(placement, app);
    if (app) {
        remove_crashed(placement, app);
    } else {
        entries_free(&placement->crashed);
    }
}
