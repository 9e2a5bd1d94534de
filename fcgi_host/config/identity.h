/**
 * Users and groups by name or number, and what a process needs to become one: everything that the
 * user database says is read when the configuration is, so that a worker needs system calls only.
 *
 * Follows: chown(1p): a name comes first, then a number.
 * @thread any
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_IDENTITY_H
#define FCGI_HOST_CONFIG_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "pool/base/error.h"

/** Who a process is. */
struct identity {
    bool has_user; /**< `user` was set, not only `group` */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /**< supplementary ones, `gid` among them */
    int group_count;
    char *name, *home, *shell; /**< NULL: a number without an entry in the user database */
};

/**
 * @param user   NULL: the user of this process
 * @param group  NULL: the user's primary group
 * @return NULL: ERR_USAGE (there is no such user or group, or a number needs a group), ERR_MEMORY
 * @owns   the caller: identity_free()
 */
struct identity *identity_find(const char *user, const char *group, struct error *err);
void identity_free(struct identity *identity);

/** Whether a process of one is the same user, with the same groups, as one of the other; NULL: as
 *  this process is. */
bool identity_is_same(const struct identity *a, const struct identity *b);

/** @return 0, or -1: ERR_USAGE (there is none), ERR_MEMORY */
int identity_user_id(const char *user, uid_t *ret_uid, struct error *err);
int identity_group_id(const char *group, gid_t *ret_gid, struct error *err);

#endif
