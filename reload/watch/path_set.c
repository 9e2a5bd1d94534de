#include "reload/watch/path_set.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct entry {
    struct entry *next; /* in its bucket */
    char path[];
};

enum { BUCKETS = 1024 }; /* folders of an application: tens to a few thousand */

struct path_set {
    size_t count;
    struct entry *buckets[BUCKETS];
};

struct path_set *path_set_new(void) {
    return calloc(1, sizeof(struct path_set));
}

void path_set_free(struct path_set *set) {
    if (set) {
        path_set_clear(set);
        free(set);
    }
}

/* Where the entry of this path stands in its bucket, or is to be put. */
static struct entry **find(const struct path_set *set, const char *path) {
    struct entry **at = (struct entry **)&set->buckets[XXH3_64bits(path, strlen(path)) % BUCKETS];
    while (*at && strcmp((*at)->path, path) != 0) {
        at = &(*at)->next;
    }
    return at;
}

int path_set_add(struct path_set *set, const char *path) {
    struct entry **at = find(set, path);
    if (*at) {
        return 0;
    }
    size_t bytes = strlen(path) + 1;
    struct entry *entry = malloc(sizeof *entry + bytes);
    if (!entry) {
        return -1;
    }
    entry->next = NULL;
    memcpy(entry->path, path, bytes);
    *at = entry;
    set->count++;
    return 1;
}

bool path_set_has(const struct path_set *set, const char *path) {
    return *find(set, path) != NULL;
}

size_t path_set_count(const struct path_set *set) {
    return set->count;
}

/* Remove what lies below `folder`; NULL: all. */
static void remove_entries(struct path_set *set, const char *folder) {
    for (size_t i = 0; i < BUCKETS && set->count > 0; i++) {
        for (struct entry **at = &set->buckets[i]; *at;) {
            struct entry *entry = *at;
            if (folder && !path_is_below(entry->path, folder)) {
                at = &entry->next;
                continue;
            }
            *at = entry->next;
            free(entry);
            set->count--;
        }
    }
}

void path_set_remove_below(struct path_set *set, const char *path) {
    remove_entries(set, path);
}

void path_set_clear(struct path_set *set) {
    remove_entries(set, NULL);
}

void path_set_each(const struct path_set *set, void (*visit)(void *ctx, const char *path),
                   void *ctx) {
    for (size_t i = 0; i < BUCKETS && set->count > 0; i++) {
        for (const struct entry *entry = set->buckets[i]; entry; entry = entry->next) {
            visit(ctx, entry->path);
        }
    }
}

bool path_is_below(const char *path, const char *folder) {
    size_t length = strlen(folder);
    if (length > 0 && folder[length - 1] == '/') { /* the root */
        length--;
    }
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}
