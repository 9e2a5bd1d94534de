/**
 * Applications that are at home in another process group: their requests are passed there, each
 * with its connection (link/homes.h); and what other groups pass to this one.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_AWAY_H
#define FCGI_HOST_WORKER_AWAY_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/link/homes.h"

struct channel_end;
struct config;
struct error;
struct intake;
struct request;
struct away_group;

struct away {
    const struct channel_end *supervisor;
    const struct config *site;
    const char *process;       /**< the own group's name */
    const struct home *homes;  /**< as this worker was started with; NULL: all is at home */
    int mailbox_fd;            /**< the own group's */
    struct intake *intake;     /**< NULL until away_attach() */
    bool is_one_of_many;       /**< other workers of the group take what is passed, too */
    bool is_closed;            /**< away_close() */
    struct away_group *groups; /**< the others that have been named */
    /** For each application of the site, and the scripts; NULL: it is at home. */
    struct away_group **places;
    struct away_script *scripts; /**< those that are not where the others are */
};

/** @param site  the whole configuration  @return 0, or -1: ERR_MEMORY */
int away_init(struct away *away, const struct config *site,
              const struct neighbourhood *neighbourhood, const struct channel_end *supervisor,
              struct error *err);

/** This worker serves from now on: it takes what is passed to its group. */
int away_attach(struct away *away, struct intake *intake, struct error *err);
/** Another worker of the group takes what is passed from now on. */
void away_leave(struct away *away);
/** The host stops, or this group leaves: what other groups still pass is awaited, until
 * away_close(). */
void away_hold(struct away *away);
/** CHANNEL_NO_MORE: nothing is passed any more, here or from here; take the rest. */
void away_close(struct away *away);

/** @return what is known of an application that is at home here; NULL: nothing
 *  @param script  as in away_is() */
const struct home *away_home(const struct away *away, size_t place, const char *script);
/** @return whether an application of the site is at home in another group
 *  @param place   in site->apps; site->app_count: the scripts
 *  @param script  with that place: the path of a script; else not used */
bool away_is(const struct away *away, size_t place, const char *script);

/** Pass a request to the group that its application is at home in, or answer 503 when that takes
 *  nothing.  @pre away_is() */
void away_pass(struct away *away, size_t place, const char *script, struct request *request);

/**
 * CHANNEL_HOME: an application has another home.
 * @param app      its name; "": the scripts
 * @param process  the group's name
 * @param fd       its mailbox, taken over; -1: the own group, or it has none
 */
void away_set_home(struct away *away, const char *app, const char *process, int fd);
/** The same of a single script, by its path. */
void away_set_script_home(struct away *away, const char *path, const char *process, int fd);

#endif
