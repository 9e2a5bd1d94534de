#include "reload/watch/watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reload/watch/path_set.h"
#include "reload/watch/places.h"

/* Content: what a finished write or a rename leaves.  IN_MODIFY would tell of half-written files.
 */
static const uint32_t CONTENT =
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE;
static const uint32_t SELF = IN_DELETE_SELF | IN_MOVE_SELF;
static const uint32_t LINK = IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_DONT_FOLLOW;
static const uint32_t APPEARS = IN_CREATE | IN_MOVED_TO;
static const uint32_t TOUCH = IN_ATTRIB | IN_MODIFY;
static const uint32_t WENT = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ATTRIB;

enum { LINKS_MAX = 40 }; /* as the kernel: ELOOP */

struct watch {
    int fd; /* inotify's; else one that is never readable */
    bool is_deaf;
    char why_deaf[128];
    struct places places;
    struct path_set *known; /* folders that are watched with all that leads to them */
};

/** Where there is no inotify, or no more of it, nothing is ever told, and every path is refused. */
static int open_events(struct watch *watch, struct error *err) {
    struct error failure;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->fd >= 0) {
        return 0;
    }
    error_set_errno(&failure, errno, "inotify_init1 (fs.inotify.max_user_instances)");
    snprintf(watch->why_deaf, sizeof watch->why_deaf, "%s", failure.text);
    watch->is_deaf = true;
    watch->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return watch->fd < 0 ? error_set_errno(err, errno, "eventfd") : 0;
}

struct watch *watch_new(struct error *err) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    watch->known = path_set_new();
    if (watch->known && open_events(watch, err) == 0) {
        return watch;
    }
    if (!watch->known) {
        error_set(err, ERR_MEMORY, "out of memory");
    }
    path_set_free(watch->known);
    free(watch);
    return NULL;
}

void watch_free(struct watch *watch) {
    if (!watch) {
        return;
    }
    close(watch->fd);
    places_free(&watch->places);
    path_set_free(watch->known);
    free(watch);
}

int watch_fd(const struct watch *watch) {
    return watch->fd;
}

/* ---- Adding ---- */

/* One kernel watch. @return its number; -1 ERR_BUSY; -2 the path has just gone */
static int add_watch(struct watch *watch, const char *path, uint32_t mask, struct error *err) {
    int wd = inotify_add_watch(watch->fd, path, mask | IN_MASK_ADD);
    if (wd < 0 && (errno == ENOSPC || errno == ENOMEM)) {
        return error_set(err, ERR_BUSY,
                         "out of inotify watches at %s (sysctl fs.inotify.max_user_watches)", path);
    }
    return wd < 0 ? -2 : wd;
}

/* The same, remembered in a role. @return 0, or -1: ERR_BUSY, ERR_MEMORY */
static int add_path(struct watch *watch, const char *path, uint32_t mask, enum role role,
                    struct error *err) {
    int wd = add_watch(watch, path, mask, err);
    const struct place place = {.wd = wd, .role = role};
    return wd < 0 ? (wd == -1 ? -1 : 0) : places_note(&watch->places, &place, path, err);
}

/* A folder at `path`, whose events are told below `alias`, too (the way with links). */
static int add_folder(struct watch *watch, const char *path, const char *alias, struct error *err) {
    int wd = add_watch(watch, path, CONTENT | SELF, err);
    const struct place place = {.wd = wd, .role = ROLE_FOLDER};
    return wd < 0 ? (wd == -1 ? -1 : 0)
                  : places_note(&watch->places, &place, path, err) |
                        places_note(&watch->places, &place, alias, err);
}

/* The folder `parent`, where `name` is to appear. */
static int add_awaiting(struct watch *watch, const char *parent, const char *name,
                        enum role parent_role, struct error *err) {
    char first[NAME_MAX + 1];
    int wd = add_watch(watch, parent, APPEARS | SELF, err);
    const struct place step = {.wd = wd, .role = parent_role};
    const struct place awaits = {.wd = wd, .role = ROLE_AWAITS, .name = first};
    snprintf(first, sizeof first, "%.*s", (int)strcspn(name, "/"), name);
    return wd < 0 ? (wd == -1 ? -1 : 0)
                  : places_note(&watch->places, &step, parent, err) |
                        places_note(&watch->places, &awaits, parent, err);
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

/* Every component of a path to a folder, until the folder or as far as the path goes.
 * @param is_hidden  a link leads there
 * @return 0, or -1: ERR_BUSY, ERR_MEMORY */
static int watch_folder(struct watch *watch, const char *wanted, bool is_hidden,
                        struct error *err) {
    char path[PATH_MAX];
    int links = 0, failed = 0;
    bool is_complete = false;
    if (!is_hidden && path_set_has(watch->known, wanted)) {
        return 0;
    }
    snprintf(path, sizeof path, "%s", wanted);
    size_t length = next_prefix(path, 0), parent = 0;
    if (!length) {
        failed = add_folder(watch, "/", "/", err);
    }
    while (length) {
        enum role role = is_hidden || links > 0 ? ROLE_HIDDEN_STEP : ROLE_STEP;
        char prefix[PATH_MAX];
        struct stat info;
        snprintf(prefix, sizeof prefix, "%.*s", (int)length, path);
        if (lstat(prefix, &info) != 0) { /* the path ends here: wait for this component */
            const char *name = path + parent + strspn(path + parent, "/");
            snprintf(prefix, sizeof prefix, "%.*s", parent ? (int)parent : 1, path);
            failed |= add_awaiting(watch, prefix, name, role, err);
            break;
        }
        if (S_ISLNK(info.st_mode)) {
            failed |= add_path(watch, prefix, LINK, ROLE_LINK, err);
            if (++links > LINKS_MAX || follow_link(path, length, sizeof path) != 0) {
                break;
            }
            length = next_prefix(path, 0);
            parent = 0;
            continue;
        }
        parent = length;
        length = next_prefix(path, length);
        if (S_ISDIR(info.st_mode)) {
            is_complete = length == 0;
            failed |= is_complete ? add_folder(watch, prefix, wanted, err)
                                  : add_path(watch, prefix, SELF, role, err);
        }
    }
    if (is_complete && !failed && !is_hidden) { /* out of memory: asked again the next time */
        path_set_add(watch->known, wanted);
        path_set_add(watch->known, path);
    }
    return failed ? -1 : 0;
}

/* Cut the last component off, but not the root. @return the component */
static char *cut_name(char *path) {
    char *slash = strrchr(path, '/');
    if (slash == path) {
        memmove(path + 2, path + 1, strlen(path + 1) + 1); /* "/x" becomes "/", "x" */
        slash++;
    }
    *slash = '\0';
    return slash + 1;
}

/* Where a file that is a link leads: what happens to the target is told as of the link. */
static int watch_link(struct watch *watch, const char *link, struct error *err) {
    char path[PATH_MAX + 1];
    struct stat info;
    snprintf(path, PATH_MAX, "%s", link);
    for (int links = 0; lstat(path, &info) == 0 && S_ISLNK(info.st_mode); links++) {
        if (add_path(watch, path, LINK, ROLE_LINK, err) != 0) {
            return -1;
        }
        if (links == LINKS_MAX || follow_link(path, strlen(path), PATH_MAX) != 0) {
            return 0;
        }
        char folder[PATH_MAX + 1];
        snprintf(folder, sizeof folder, "%s", path);
        const char *name = cut_name(folder);
        if (watch_folder(watch, folder, true, err) != 0) {
            return -1;
        }
        int wd = add_watch(watch, folder, CONTENT | SELF, err);
        const struct place place = {.wd = wd, .role = ROLE_TARGET, .name = name};
        if (wd == -1 || (wd >= 0 && places_note(&watch->places, &place, link, err) != 0)) {
            return -1;
        }
    }
    return 0;
}

int watch_path(struct watch *watch, const char *wanted, bool is_directory, struct error *err) {
    char folder[PATH_MAX + 1];
    struct stat info;
    if (watch->is_deaf) {
        return error_set(err, ERR_BUSY, "%s", watch->why_deaf);
    }
    if (snprintf(folder, PATH_MAX, "%s", wanted) >= PATH_MAX) {
        return error_set(err, ERR_USAGE, "path too long: %.100s…", wanted);
    }
    if (is_directory) {
        return watch_folder(watch, folder, false, err);
    }
    cut_name(folder);
    int failed = watch_folder(watch, folder, false, err);
    if (lstat(wanted, &info) == 0 && S_ISLNK(info.st_mode)) {
        failed |= watch_link(watch, wanted, err);
    }
    return failed;
}

void watch_touch(struct watch *watch, const char *path) {
    if (watch->is_deaf) {
        return;
    }
    add_path(watch, path, TOUCH, ROLE_FILE, NULL); /* out of watches: those of folders come first */
}

/* ---- Reading ---- */

struct listener {
    void (*event)(void *ctx, const char *path, enum watch_news news);
    void *ctx;
};

static bool is_in_known_folder(const struct watch *watch, const char *path) {
    char folder[PATH_MAX + 1];
    if (strlen(path) >= PATH_MAX) {
        return false;
    }
    snprintf(folder, sizeof folder, "%s", path);
    cut_name(folder);
    return path_set_has(watch->known, folder);
}

static void tell_folder(struct watch *watch, const char *path, const struct listener *listener) {
    path_set_remove_below(watch->known, path);
    listener->event(listener->ctx, path, WATCH_FOLDER);
}

static void tell_all(struct watch *watch, const char *path, const struct listener *listener) {
    path_set_clear(watch->known);
    listener->event(listener->ctx, path, WATCH_ALL);
}

/* The place itself went, or moved.  Where the folder that it was in is watched, its coming back is
 * told, so that only what is below must be looked at. */
static void tell_gone(struct watch *watch, const struct place *place,
                      const struct listener *listener) {
    bool is_visible = place->role == ROLE_FOLDER || place->role == ROLE_STEP;
    if (is_visible && is_in_known_folder(watch, place->path)) {
        tell_folder(watch, place->path, listener);
    } else if (place->role != ROLE_AWAITS) { /* as a step it tells of that */
        tell_all(watch, place->path, listener);
    }
}

static bool is_link(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

/* Something happened in the place. */
static void tell_inside(struct watch *watch, const struct place *place,
                        const struct inotify_event *raw, const struct listener *listener) {
    char path[PATH_MAX + NAME_MAX + 2];
    bool is_awaited = place->name && strcmp(place->name, raw->name) == 0;
    snprintf(path, sizeof path, "%s/%s", strcmp(place->path, "/") ? place->path : "", raw->name);
    if (place->role == ROLE_FOLDER) {
        if (raw->mask & IN_ISDIR || (raw->mask & APPEARS && is_link(path))) {
            tell_folder(watch, path, listener);
        } else {
            listener->event(listener->ctx, path, WATCH_FILE);
        }
    } else if (place->role == ROLE_AWAITS && is_awaited) {
        listener->event(listener->ctx, path, WATCH_ALL);
    } else if (place->role == ROLE_TARGET && is_awaited) {
        listener->event(listener->ctx, place->path, WATCH_FILE);
    }
}

static void tell_event(struct watch *watch, const struct inotify_event *raw,
                       const struct listener *listener) {
    for (const struct place *place = *places_at(&watch->places, raw->wd); place;
         place = place->next) {
        if (place->wd != raw->wd) {
            continue;
        }
        if (place->role == ROLE_FILE) {
            if (raw->mask & TOUCH) {
                listener->event(listener->ctx, place->path,
                                raw->mask & IN_MODIFY ? WATCH_WRITING : WATCH_TIMES);
            }
        } else if (raw->len > 0) {
            tell_inside(watch, place, raw, listener);
        } else if (raw->mask & WENT) {
            tell_gone(watch, place, listener);
        }
    }
    if (raw->mask & IN_MOVE_SELF) { /* the inode lives on under another name: not ours any more */
        inotify_rm_watch(watch->fd, raw->wd);
    }
    if (raw->mask & IN_IGNORED) {
        places_forget(&watch->places, raw->wd);
    }
}

void watch_read(struct watch *watch,
                void (*event)(void *ctx, const char *path, enum watch_news news), void *ctx) {
    const struct listener listener = {event, ctx};
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got;
    while ((got = read(watch->fd, buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR)) {
        for (const char *at = buffer; got > 0 && at < buffer + got;) {
            const struct inotify_event *raw = (const struct inotify_event *)at;
            if (raw->mask & IN_Q_OVERFLOW) {
                tell_all(watch, NULL, &listener);
            } else {
                tell_event(watch, raw, &listener);
            }
            at += sizeof *raw + raw->len;
        }
    }
}
