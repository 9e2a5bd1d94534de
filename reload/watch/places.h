/**
 * What a watch has under each number that inotify gave it.
 *
 * @thread one at a time (the watch's)   @tstate none
 */
#ifndef RELOAD_WATCH_PLACES_H
#define RELOAD_WATCH_PLACES_H

#include "pool/base/error.h"

/** What a watched inode is for. */
enum role {
    ROLE_FOLDER,      /**< what happens in it is told */
    ROLE_STEP,        /**< leads to a watched path */
    ROLE_HIDDEN_STEP, /**< the same behind a link: no path that is wanted begins with its path */
    ROLE_LINK,        /**< a symbolic link that leads to a watched path */
    ROLE_AWAITS,      /**< a watched path ends here: `name` is to appear */
    ROLE_FILE,        /**< the file itself: its times and that it is being written are told */
    ROLE_TARGET,      /**< of a link that is a watched file: `path` is the link, `name` the file */
};

/** One way to a watched inode.  Several paths may lead to one (links, bind mounts). */
struct place {
    struct place *next; /**< maybe of another number */
    int wd;
    enum role role;
    const char *name; /**< NULL, or behind `path` */
    char path[];
};

enum { PLACES_BUCKETS = 1024 };

struct places {
    struct place *by_wd[PLACES_BUCKETS];
};

void places_free(struct places *places);

/** The first of a list in which all places of this number are. */
struct place **places_at(struct places *places, int wd);

/**
 * Remember a place, unless it is there.
 * @param wanted  its number, role and name; copied
 * @return 0, or -1: ERR_MEMORY
 */
int places_note(struct places *places, const struct place *wanted, const char *path,
                struct error *err);

/** The number is no longer in use. */
void places_forget(struct places *places, int wd);

#endif
