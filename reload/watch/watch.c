#include "reload/watch/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* Content: what a finished write or a rename leaves.  IN_MODIFY would tell of half-written files.
 */
static const uint32_t CONTENT =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;
static const uint32_t SELF = IN_DELETE_SELF | IN_MOVE_SELF;
static const uint32_t LINK = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_DONT_FOLLOW;
static const uint32_t APPEARS = IN_CREATE | IN_MOVED_TO;

enum { LINKS_MAX = 40 }; /* as the kernel: ELOOP */

/* One way to a watched inode.  Several paths may lead to one (links, bind mounts). */
struct place {
    struct place *next;
    int wd;
    uint32_t mask;
    char path[];
};

enum { BUCKETS = 256 };

struct watch {
    int fd;
    struct place *by_wd[BUCKETS];
};

struct watch *watch_new(struct error *err) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd < 0) {
        error_set_errno(err, errno, "inotify_init1 (fs.inotify.max_user_instances)");
        free(watch);
        return NULL;
    }
    return watch;
}

void watch_free(struct watch *watch) {
    if (!watch) {
        return;
    }
    close(watch->fd);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct place *place = watch->by_wd[i], *next; place; place = next) {
            next = place->next;
            free(place);
        }
    }
    free(watch);
}

int watch_fd(const struct watch *watch) {
    return watch->fd;
}

/* ---- Adding ---- */

static struct place **bucket(struct watch *watch, int wd) {
    return &watch->by_wd[(unsigned)wd % BUCKETS];
}

/* Remember that `wd` is at `path`. @return -1 out of memory */
static int note_place(struct watch *watch, int wd, const char *path, uint32_t mask) {
    for (struct place *place = *bucket(watch, wd); place; place = place->next) {
        if (place->wd == wd && strcmp(place->path, path) == 0) {
            place->mask |= mask;
            return 0;
        }
    }
    size_t bytes = strlen(path) + 1;
    struct place *place = malloc(sizeof *place + bytes);
    if (!place) {
        return -1;
    }
    *place = (struct place){.next = *bucket(watch, wd), .wd = wd, .mask = mask};
    memcpy(place->path, path, bytes);
    *bucket(watch, wd) = place;
    return 0;
}

/* One kernel watch; events are told below `path` and, if given, below `alias` (the way with links).
 * @return 0; -1 ERR_BUSY, ERR_MEMORY.  A path that has just gone is no error. */
static int add(struct watch *watch, const char *path, const char *alias, uint32_t mask,
               struct error *err) {
    int wd = inotify_add_watch(watch->fd, path, mask | IN_MASK_ADD);
    if (wd < 0) {
        if (errno == ENOSPC || errno == ENOMEM) {
            return error_set(err, ERR_BUSY,
                             "out of inotify watches at %s (sysctl fs.inotify.max_user_watches)",
                             path);
        }
        return 0;
    }
    if (note_place(watch, wd, path, mask) != 0 ||
        (alias && note_place(watch, wd, alias, mask) != 0)) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    return 0;
}

/* Replace the link at `prefix` (a part of `path` of `length` bytes) by what it points to. */
static int follow_link(char *path, size_t length, size_t size) {
    char target[PATH_MAX], joined[2 * PATH_MAX];
    char rest[PATH_MAX];
    snprintf(rest, sizeof rest, "%s", path + length);
    path[length] = '\0';
    ssize_t got = readlink(path, target, sizeof target - 1);
    if (got <= 0) {
        return -1;
    }
    target[got] = '\0';
    if (target[0] == '/') {
        snprintf(joined, sizeof joined, "%s%s", target, rest);
    } else {
        *strrchr(path, '/') = '\0';
        snprintf(joined, sizeof joined, "%s/%s%s", path, target, rest);
    }
    size_t bytes = strlen(joined) + 1;
    if (bytes > size) {
        return -1;
    }
    memcpy(path, joined, bytes);
    return 0;
}

/* End of the component that starts after `from` slashes; 0 at the end of the path. */
static size_t next_prefix(const char *path, size_t length) {
    size_t start = length + strspn(path + length, "/");
    return path[start] ? start + strcspn(path + start, "/") : 0;
}

int watch_path(struct watch *watch, const char *wanted, bool is_directory, struct error *err) {
    char path[PATH_MAX], alias[PATH_MAX];
    int links = 0, failed = 0;
    if (snprintf(path, sizeof path, "%s", wanted) >= (int)sizeof path) {
        return error_set(err, ERR_USAGE, "path too long: %.100s…", wanted);
    }
    memcpy(alias, path, sizeof alias);
    if (!is_directory && strrchr(alias, '/') != alias) {
        *strrchr(alias, '/') = '\0';
    }
    for (size_t length = next_prefix(path, 0), parent = 0; length;) {
        bool is_last = next_prefix(path, length) == 0;
        char prefix[PATH_MAX];
        struct stat info;
        snprintf(prefix, sizeof prefix, "%.*s", (int)length, path);
        if (lstat(prefix, &info) != 0) { /* the path ends here: wait for this component */
            snprintf(prefix, sizeof prefix, "%.*s", parent ? (int)parent : 1, path);
            failed |= add(watch, prefix, NULL, APPEARS | SELF, err);
            break;
        }
        if (S_ISLNK(info.st_mode)) {
            failed |= add(watch, prefix, NULL, LINK, err);
            if (++links > LINKS_MAX || follow_link(path, length, sizeof path) != 0) {
                break;
            }
            length = next_prefix(path, 0);
            parent = 0;
            continue;
        }
        if (S_ISDIR(info.st_mode)) {
            bool holds_it =
                is_last || (!is_directory && next_prefix(path, next_prefix(path, length)) == 0);
            failed |=
                add(watch, prefix, holds_it ? alias : NULL, holds_it ? CONTENT | SELF : SELF, err);
        }
        parent = length;
        length = next_prefix(path, length);
    }
    return failed ? -1 : 0;
}

/* ---- Reading ---- */

static void forget(struct watch *watch, int wd) {
    for (struct place **at = bucket(watch, wd); *at;) {
        struct place *place = *at;
        if (place->wd == wd) {
            *at = place->next;
            free(place);
        } else {
            at = &place->next;
        }
    }
}

static void tell(struct watch *watch, const struct inotify_event *raw,
                 void (*event)(void *ctx, const char *path, bool is_structure), void *ctx) {
    bool is_self = raw->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ATTRIB);
    for (const struct place *place = *bucket(watch, raw->wd), *next; place; place = next) {
        next = place->next;
        if (place->wd != raw->wd) {
            continue;
        }
        if (raw->len == 0) {
            event(ctx, place->path, is_self);
        } else {
            char path[PATH_MAX + NAME_MAX + 2];
            snprintf(path, sizeof path, "%s/%s", strcmp(place->path, "/") ? place->path : "",
                     raw->name);
            bool appeared = (place->mask & CONTENT) != CONTENT;
            event(ctx, path, appeared || (raw->mask & IN_ISDIR) != 0);
        }
    }
    if (raw->mask & IN_MOVE_SELF) { /* the inode lives on under another name: not ours any more */
        inotify_rm_watch(watch->fd, raw->wd);
    }
    if (raw->mask & IN_IGNORED) {
        forget(watch, raw->wd);
    }
}

void watch_read(struct watch *watch, void (*event)(void *ctx, const char *path, bool is_structure),
                void *ctx) {
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;
    while ((got = read(watch->fd, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)) {
        for (const char *at = buffer; got > 0 && at < buffer + got;) {
            const struct inotify_event *raw = (const struct inotify_event *)at;
            if (raw->mask & IN_Q_OVERFLOW) {
                event(ctx, NULL, true);
            } else {
                tell(watch, raw, event, ctx);
            }
            at += sizeof *raw + raw->len;
        }
    }
}
