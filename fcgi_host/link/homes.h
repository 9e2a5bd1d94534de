/**
 * Where each application of a site is at home: in which process group, and how workers of other
 * groups pass its requests there.
 *
 * Each group has a mailbox, a pair of channel_pair().  A worker of another group sends a connection
 * into one end (passing.h); every worker of the group reads the other end, one of them gets it. The
 * supervisor has both ends open, so that what waits there outlives every worker.
 *
 * @owns the supervisor; a worker has the copy that fork() gave it, and is told of later changes
 *       (CHANNEL_HOME)
 * @thread the supervisor's; in a worker: intake  @tstate none
 */
#ifndef FCGI_HOST_LINK_HOMES_H
#define FCGI_HOST_LINK_HOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Of an application, or of all scripts. */
struct home {
    const char *process; /**< the group's name */
    int mailbox_fd;      /**< to send to; of the own group: not used */
    const char *why;     /**< it was moved there because of this; NULL: the configuration says so */
    int64_t since_s;     /**< when it was moved there, CLOCK_REALTIME; 0: it was not */
    bool is_coming;      /**< to the own group: another one answers until CHANNEL_HOME */
};

/** Of a single script, which is not where the others are. */
struct script_home {
    const char *path;
    struct home home;
};

/** What a worker knows of its group and of the others. */
struct neighbourhood {
    const char *process; /**< its own group's name */
    int mailbox_fd; /**< what other groups pass comes from there; -1: there is no other group */
    /** One for each application of the site (config_site()), in its order, and one for the scripts.
     *  NULL: everything is at home here. */
    const struct home *homes;
    const struct script_home *script_homes;
    size_t script_count;
    bool leaves_accepting; /**< to another group, until CHANNEL_LISTEN */
};

#endif
