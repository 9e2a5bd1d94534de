#include "fcgi_host/config/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    ENTRY_BYTES = 4096,              /**< to begin with: most entries are far shorter */
    MOST_ENTRY_BYTES = 16 * 1048576, /**< a group with very many members */
    MOST_GROUPS = 65536,             /**< Linux: NGROUPS_MAX */
};

static int out_of_memory(struct error *err) {
    return error_set(err, ERR_MEMORY, "out of memory");
}

/** "1000", and not 4294967295, which chown(2) takes for "as before". @return whether it is one */
static bool parse_id(const char *text, unsigned *ret_id) {
    char *end;
    errno = 0;
    unsigned long id = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || id >= 4294967295UL) {
        return false;
    }
    *ret_id = (unsigned)id;
    return true;
}

/** An entry of the user database, and the memory that it points into. */
struct entry {
    struct passwd user;
    struct group group;
    bool is_found;
    char *text;
};

/** How to ask: by name, or by number. @return what getpwnam_r(3) returns */
typedef int lookup_function(struct entry *entry, size_t size, const char *name, unsigned id);

static int look_up_user(struct entry *entry, size_t size, const char *name, unsigned id) {
    struct passwd *found = NULL;
    int rc = name ? getpwnam_r(name, &entry->user, entry->text, size, &found)
                  : getpwuid_r(id, &entry->user, entry->text, size, &found);
    entry->is_found = found;
    return rc;
}

static int look_up_group(struct entry *entry, size_t size, const char *name, unsigned id) {
    struct group *found = NULL;
    int rc = name ? getgrnam_r(name, &entry->group, entry->text, size, &found)
                  : getgrgid_r(id, &entry->group, entry->text, size, &found);
    entry->is_found = found;
    return rc;
}

/** @param[out] ret_entry  its `text` is to be freed
 *  @return 0, also when there is none; -1: ERR_MEMORY */
static int look_up(lookup_function *function, const char *name, unsigned id,
                   struct entry *ret_entry, struct error *err) {
    struct entry entry = {0};
    int rc = ERANGE;
    for (size_t size = ENTRY_BYTES; rc == ERANGE && size <= MOST_ENTRY_BYTES; size *= 4) {
        char *text = realloc(entry.text, size);
        if (!text) {
            free(entry.text);
            return out_of_memory(err);
        }
        entry.text = text;
        rc = function(&entry, size, name, id);
    }
    *ret_entry = entry;
    return 0;
}

/**
 * Find a user by name, else by number.
 * @param[out] ret_entry  its `text` is to be freed
 * @return 0, also for a number without an entry; -1: ERR_USAGE, ERR_MEMORY
 */
static int find_user(const char *user, uid_t *ret_uid, struct entry *ret_entry, struct error *err) {
    unsigned id;
    if (look_up(look_up_user, user, 0, ret_entry, err) != 0) {
        return -1;
    }
    if (!ret_entry->is_found) {
        free(ret_entry->text);
        if (!parse_id(user, &id)) {
            return error_set(err, ERR_USAGE, "there is no user \"%s\"", user);
        }
        if (look_up(look_up_user, NULL, id, ret_entry, err) != 0) {
            return -1;
        }
    }
    *ret_uid = ret_entry->is_found ? ret_entry->user.pw_uid : id;
    return 0;
}

int identity_user_id(const char *user, uid_t *ret_uid, struct error *err) {
    struct entry entry;
    if (find_user(user, ret_uid, &entry, err) != 0) {
        return -1;
    }
    free(entry.text);
    return 0;
}

int identity_group_id(const char *group, gid_t *ret_gid, struct error *err) {
    struct entry entry;
    unsigned id;
    if (look_up(look_up_group, group, 0, &entry, err) != 0) {
        return -1;
    }
    bool is_known = entry.is_found || parse_id(group, &id);
    if (is_known) {
        *ret_gid = entry.is_found ? entry.group.gr_gid : id;
    }
    free(entry.text);
    return is_known ? 0 : error_set(err, ERR_USAGE, "there is no group \"%s\"", group);
}

static int by_number(const void *a, const void *b) {
    gid_t one = *(const gid_t *)a, other = *(const gid_t *)b;
    return (one > other) - (one < other);
}

/** As initgroups(3) would set them. */
static int find_groups(struct identity *identity, struct error *err) {
    int room = identity->name ? 64 : 1;
    for (;;) {
        gid_t *groups = reallocarray(identity->groups, (size_t)room, sizeof *groups);
        if (!groups) {
            return out_of_memory(err);
        }
        identity->groups = groups;
        identity->group_count = room;
        if (!identity->name) {
            groups[0] = identity->gid;
            break;
        }
        if (getgrouplist(identity->name, identity->gid, groups, &identity->group_count) >= 0) {
            break;
        }
        if (room >= MOST_GROUPS) {
            return error_set(err, ERR_USAGE, "user %s is in too many groups", identity->name);
        }
        room = identity->group_count > room ? identity->group_count : 2 * room;
    }
    qsort(identity->groups, (size_t)identity->group_count, sizeof *identity->groups, by_number);
    return 0;
}

/** Who `user` is, or the user of this process, as the user database has it. */
static int fill_in(struct identity *identity, const char *user, struct error *err) {
    struct entry entry;
    identity->has_user = user;
    identity->uid = geteuid();
    identity->gid = getegid();
    if (user ? find_user(user, &identity->uid, &entry, err) != 0
             : look_up(look_up_user, NULL, identity->uid, &entry, err) != 0) {
        return -1;
    }
    bool is_whole = true;
    if (entry.is_found) {
        identity->gid = entry.user.pw_gid;
        identity->name = strdup(entry.user.pw_name);
        identity->home = strdup(entry.user.pw_dir);
        identity->shell = strdup(entry.user.pw_shell);
        is_whole = identity->name && identity->home && identity->shell;
    }
    free(entry.text);
    return is_whole ? 0 : out_of_memory(err);
}

struct identity *identity_find(const char *user, const char *group, struct error *err) {
    struct identity *identity = calloc(1, sizeof *identity);
    if (!identity) {
        out_of_memory(err);
        return NULL;
    }
    if (fill_in(identity, user, err) != 0) {
        goto fail;
    }
    if (group) {
        if (identity_group_id(group, &identity->gid, err) != 0) {
            goto fail;
        }
    } else if (user && !identity->name) {
        error_set(err, ERR_USAGE,
                  "user %s has no entry in the user database, hence no primary group: set group",
                  user);
        goto fail;
    }
    if (find_groups(identity, err) == 0) {
        return identity;
    }
fail:
    identity_free(identity);
    return NULL;
}

void identity_free(struct identity *identity) {
    if (identity) {
        free(identity->groups);
        free(identity->name);
        free(identity->home);
        free(identity->shell);
        free(identity);
    }
}

bool identity_is_same(const struct identity *a, const struct identity *b) {
    if (!a || !b) {
        const struct identity *one = a ? a : b;
        return !one || (one->uid == geteuid() && one->gid == getegid());
    }
    return a->uid == b->uid && a->gid == b->gid && a->group_count == b->group_count &&
           memcmp(a->groups, b->groups, (size_t)a->group_count * sizeof *a->groups) == 0;
}
