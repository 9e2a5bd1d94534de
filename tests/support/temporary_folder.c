#include "tests/support/temporary_folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WALK_FDS = 16 }; /* in a deeper tree nftw(3) closes folders and opens them again */

static char s_path[TEMPORARY_FOLDER_SIZE];
static pid_t s_owner; /* 0: there is none yet */

static void fail(const char *what) {
    perror(what);
    abort();
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
    (void)status, (void)type, (void)place;
    remove(path); /* what cannot be removed does not keep the rest */
    return 0;
}

static void remove_own(void) {
    if (s_owner == getpid()) { /* a child of its that calls exit() comes here, too */
        nftw(s_path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);
    }
}

static void make(void) {
    const char *given = getenv("TMPDIR");
    const char *name = given && given[0] ? given : "/tmp";
    char *parent = realpath(name, NULL);
    if (!parent) {
        fail(name);
    }
    int length = snprintf(s_path, sizeof s_path, "%s/fcgi_host.XXXXXX", parent);
    if (length >= (int)sizeof s_path) {
        fprintf(stderr, "%s: too long for a TMPDIR: a socket in it has 108 bytes\n", parent);
        abort();
    }
    if (!mkdtemp(s_path)) {
        fail(s_path);
    }
    free(parent);
}

const char *temporary_folder(void) {
    if (s_owner == 0) {
        make();
        s_owner = getpid();
        if (atexit(remove_own) != 0) {
            fail("atexit");
        }
    }
    return s_path;
}
