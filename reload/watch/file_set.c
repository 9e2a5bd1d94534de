#include "reload/watch/file_set.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t FNV_BASIS = 0xcbf29ce484222325u, FNV_PRIME = 0x100000001b3u;

struct file {
    struct file *next; /* in its bucket */
    struct stat seen;  /* when `content` was taken */
    uint64_t content;  /* 0: absent or unreadable */
    uint64_t place;    /* of the resolved path: a switched symbolic link changes it */
    bool is_uncertain; /* may be newer than what was read: counts as changed until settled */
    char path[];
};

enum { BUCKETS = 512 }; /* applications load tens to a few thousand files */

struct file_set {
    struct file *buckets[BUCKETS];
    size_t count;
};

static uint64_t fnv(uint64_t hash, const void *bytes, size_t size) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ byte[i]) * FNV_PRIME;
    }
    return hash;
}

uint64_t file_fingerprint(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return 0;
    }
    char buffer[16384];
    uint64_t hash = FNV_BASIS;
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        hash = fnv(hash, buffer, (size_t)got);
    }
    close(fd);
    return got < 0 ? 0 : hash ? hash : 1;
}

static uint64_t resolved_place(const char *path) {
    char *real = realpath(path, NULL);
    uint64_t hash = real ? fnv(FNV_BASIS, real, strlen(real)) : 0;
    free(real);
    return hash;
}

static struct file **slot(const struct file_set *set, const char *path) {
    uint64_t hash = fnv(FNV_BASIS, path, strlen(path));
    struct file **at = (struct file **)&set->buckets[(hash ^ hash >> 32) % BUCKETS];
    while (*at && strcmp((*at)->path, path) != 0) {
        at = &(*at)->next;
    }
    return at;
}

struct file_set *file_set_new(struct error *err) {
    struct file_set *set = calloc(1, sizeof *set);
    if (!set) {
        error_set(err, ERR_MEMORY, "out of memory");
    }
    return set;
}

void file_set_free(struct file_set *set) {
    for (size_t i = 0; set && i < BUCKETS; i++) {
        for (struct file *file = set->buckets[i], *next; file; file = next) {
            next = file->next;
            free(file);
        }
    }
    free(set);
}

static bool is_before(struct timespec a, struct timespec b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static bool is_same_stat(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           memcmp(&a->st_mtim, &b->st_mtim, sizeof a->st_mtim) == 0 &&
           memcmp(&a->st_ctim, &b->st_ctim, sizeof a->st_ctim) == 0;
}

static void stat_or_zero(const char *path, struct stat *ret_info) {
    if (stat(path, ret_info) != 0) {
        memset(ret_info, 0, sizeof *ret_info);
    }
}

/* Take the file as it is now. */
static void refresh(struct file *file) {
    stat_or_zero(file->path, &file->seen); /* before the content: a write in between shows later */
    file->content = file_fingerprint(file->path);
    file->place = resolved_place(file->path);
    file->is_uncertain = false;
}

int file_set_add(struct file_set *set, const char *path, const struct timespec *read_at,
                 struct error *err) {
    struct file **at = slot(set, path);
    if (*at) {
        return 0;
    }
    size_t bytes = strlen(path) + 1;
    struct file *file = calloc(1, sizeof *file + bytes);
    if (!file) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    memcpy(file->path, path, bytes);
    refresh(file);
    file->is_uncertain = read_at && !is_before(file->seen.st_ctim, *read_at);
    *at = file;
    set->count++;
    return 1;
}

bool file_set_is_uncertain(const struct file_set *set, const char *path) {
    const struct file *file = *slot(set, path);
    return file && file->is_uncertain;
}

bool file_set_has(const struct file_set *set, const char *path) {
    return *slot(set, path) != NULL;
}

size_t file_set_count(const struct file_set *set) {
    return set->count;
}

void file_set_each(const struct file_set *set, void (*visit)(void *ctx, const char *path),
                   void *ctx) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct file *file = set->buckets[i]; file; file = file->next) {
            visit(ctx, file->path);
        }
    }
}

static bool is_changed(struct file *file) {
    struct stat now;
    uint64_t content = file->content, place = file->place;
    bool was_uncertain = file->is_uncertain;
    stat_or_zero(file->path, &now);
    if (!was_uncertain && is_same_stat(&now, &file->seen) &&
        resolved_place(file->path) == file->place) {
        return false;
    }
    refresh(file);
    return was_uncertain || file->content != content || file->place != place;
}

size_t file_set_changed(struct file_set *set, char *ret_first, size_t size) {
    size_t changed = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct file *file = set->buckets[i]; file; file = file->next) {
            if (is_changed(file) && changed++ == 0 && ret_first) {
                snprintf(ret_first, size, "%s", file->path);
            }
        }
    }
    return changed;
}

void file_set_settle(struct file_set *set, const struct file_set *before) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct file *file = set->buckets[i]; file; file = file->next) {
            const struct file *earlier = file->is_uncertain ? *slot(before, file->path) : NULL;
            if (earlier && earlier->content == file->content && earlier->place == file->place) {
                file->is_uncertain = false;
            }
        }
    }
}

int file_set_merge(struct file_set *set, const struct file_set *other, struct error *err) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct file *file = other->buckets[i]; file; file = file->next) {
            struct file **at = slot(set, file->path);
            if (*at) {
                continue;
            }
            size_t bytes = sizeof *file + strlen(file->path) + 1;
            struct file *copy = malloc(bytes);
            if (!copy) {
                return error_set(err, ERR_MEMORY, "out of memory");
            }
            memcpy(copy, file, bytes);
            copy->next = NULL;
            *at = copy;
            set->count++;
        }
    }
    return 0;
}
