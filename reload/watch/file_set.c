#include "reload/watch/file_set.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* XXH3 of 128 bits: two different contents do not have the same one by accident. */
struct fingerprint {
    bool is_there; /* false: the file is absent, unreadable or no regular file */
    XXH128_hash_t hash;
};

/* How much of a file is compared. */
enum extent {
    EXTENT_CONTENT,     /* its content, or that there is none */
    EXTENT_DESCRIPTION, /* beyond FILE_SET_BYTES_MAX: size, time, inode */
    EXTENT_NOTHING,     /* no regular file */
};

struct file {
    struct file *next; /* in its bucket */
    struct stat seen;  /* when `content` was taken */
    struct fingerprint content;
    struct fingerprint place; /* of the resolved path: a switched symbolic link changes it */
    enum extent extent;       /* of `content` */
    bool is_touched;          /* file_set_touched(), since the last look */
    bool is_uncertain;        /* may be newer than what was read: counts as changed until settled */
    char path[];
};

enum { BUCKETS = 512 }; /* applications load tens to a few thousand files */

struct file_set {
    struct file *buckets[BUCKETS];
};

static bool is_same(const struct fingerprint *a, const struct fingerprint *b) {
    return a->is_there == b->is_there && (!a->is_there || XXH128_isEqual(a->hash, b->hash));
}

static struct fingerprint description_of(const struct stat *info) {
    const struct {
        uint64_t device, inode, bytes;
        int64_t seconds, nanoseconds;
    } described = {info->st_dev, info->st_ino, (uint64_t)info->st_size, info->st_mtim.tv_sec,
                   info->st_mtim.tv_nsec};
    return (struct fingerprint){true, XXH3_128bits(&described, sizeof described)};
}

/* @return how it ended: 0 all was read, -1 an error, 1 there is more than FILE_SET_BYTES_MAX */
static int hash_file(XXH3_state_t *state, int fd) {
    char buffer[16384];
    size_t total = 0;
    ssize_t got;
    XXH3_128bits_reset(state);
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        total += (size_t)got;
        if (total >
            FILE_SET_BYTES_MAX) { /* it grows, or does not know its size, as some in /proc */
            return 1;
        }
        XXH3_128bits_update(state, buffer, (size_t)got);
    }
    return got == 0 ? 0 : -1;
}

/* Opening a device or a FIFO is felt at its other end, so the kind of file is looked at before, and
 * again after, for one that has just taken its place. */
static int open_regular(const char *path, struct stat *info, enum extent *ret_extent) {
    int fd = -1;
    *ret_extent = EXTENT_CONTENT;
    if (stat(path, info) != 0) {
        return -1;
    }
    if (S_ISREG(info->st_mode)) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
            return -1;
        }
    }
    if (fd >= 0 && fstat(fd, info) == 0 && S_ISREG(info->st_mode)) {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    *ret_extent = EXTENT_NOTHING;
    return -1;
}

static struct fingerprint content_of(const char *path, enum extent *ret_extent) {
    struct fingerprint content = {0};
    struct stat info;
    int fd = open_regular(path, &info, ret_extent);
    if (fd < 0) {
        return content;
    }
    XXH3_state_t *state = XXH3_createState(); /* NULL: out of memory, as if it were unreadable */
    int end = info.st_size > FILE_SET_BYTES_MAX ? 1 : state ? hash_file(state, fd) : -1;
    if (end > 0) {
        *ret_extent = EXTENT_DESCRIPTION;
        content = description_of(&info);
    } else if (end == 0) {
        content = (struct fingerprint){true, XXH3_128bits_digest(state)};
    }
    XXH3_freeState(state);
    close(fd);
    return content;
}

static struct fingerprint place_of(const char *path) {
    struct fingerprint place = {0};
    char *real = realpath(path, NULL);
    if (real) {
        place = (struct fingerprint){true, XXH3_128bits(real, strlen(real))};
    }
    free(real);
    return place;
}

/* Where the file of this path stands in its bucket, or is to be put. */
static struct file **find(const struct file_set *set, const char *path) {
    struct file **at = (struct file **)&set->buckets[XXH3_64bits(path, strlen(path)) % BUCKETS];
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
    file->content = content_of(file->path, &file->extent);
    file->place = place_of(file->path);
    file->is_uncertain = false;
}

int file_set_add(struct file_set *set, const char *path, const struct timespec *read_at,
                 struct error *err) {
    struct file **at = find(set, path);
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
    /* One that was read and is not there (st_nlink 0) has been removed since. */
    file->is_uncertain =
        read_at && (file->seen.st_nlink == 0 || !is_before(file->seen.st_ctim, *read_at));
    *at = file;
    return file->extent != EXTENT_NOTHING;
}

void file_set_touched(struct file_set *set, const char *path) {
    struct file *file = *find(set, path);
    if (file) {
        file->is_touched = true;
    }
}

bool file_set_is_uncertain(const struct file_set *set, const char *path) {
    const struct file *file = *find(set, path);
    return file && file->is_uncertain;
}

bool file_set_has(const struct file_set *set, const char *path) {
    return *find(set, path) != NULL;
}

void file_set_each(const struct file_set *set, void (*visit)(void *ctx, const char *path),
                   void *ctx) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct file *file = set->buckets[i]; file; file = file->next) {
            visit(ctx, file->path);
        }
    }
}

void file_set_each_unread(const struct file_set *set,
                          void (*visit)(void *ctx, const char *path, const char *why), void *ctx) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct file *file = set->buckets[i]; file; file = file->next) {
            if (file->extent == EXTENT_DESCRIPTION) {
                visit(ctx, file->path,
                      "larger than 16 MiB, compared by its size, time and inode only");
            } else if (file->extent == EXTENT_NOTHING) {
                visit(ctx, file->path, "no regular file, not compared");
            }
        }
    }
}

static bool has_new_mtime(const struct stat *now, const struct stat *seen) {
    return now->st_dev == seen->st_dev && now->st_ino == seen->st_ino &&
           memcmp(&now->st_mtim, &seen->st_mtim, sizeof now->st_mtim) != 0;
}

static bool is_changed(struct file *file) {
    struct stat now;
    struct fingerprint content = file->content, place = file->place, place_now;
    bool was_uncertain = file->is_uncertain, was_touched = file->is_touched;
    file->is_touched = false;
    stat_or_zero(file->path, &now);
    was_touched = was_touched && has_new_mtime(&now, &file->seen);
    place_now = place_of(file->path);
    if (!was_uncertain && is_same_stat(&now, &file->seen) && is_same(&place_now, &place)) {
        return false;
    }
    refresh(file);
    return was_uncertain || was_touched || !is_same(&file->content, &content) ||
           !is_same(&file->place, &place);
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
            const struct file *earlier = file->is_uncertain ? *find(before, file->path) : NULL;
            if (earlier && is_same(&earlier->content, &file->content) &&
                is_same(&earlier->place, &file->place)) {
                file->is_uncertain = false;
            }
        }
    }
}

int file_set_merge(struct file_set *set, const struct file_set *other, struct error *err) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct file *file = other->buckets[i]; file; file = file->next) {
            struct file **at = find(set, file->path);
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
        }
    }
    return 0;
}
