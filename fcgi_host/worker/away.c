#include "fcgi_host/worker/away.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/worker/submit.h"

enum {
    /** Connections that wait for a group, beside a hundred and more in its mailbox: one that does
     *  not take them must not use up the descriptors of all. */
    MOST_WAITING = 128,
};

/** Another process group. */
struct away_group {
    struct intake_heir heir; /* first: intake's */
    struct away *away;
    struct away_group *next;
    char *name;
    int mailbox_fd;  /* -1: it has none yet */
    bool is_put_off; /* connections wait until the mailbox has room */
};

/** A script that is not where the others are. */
struct away_script {
    struct away_script *next;
    char *path;
    struct away_group *group; /* NULL: it is at home here */
    const struct home *home;  /* as the worker was started with; NULL: it was told later */
};

/* ---- To other groups ---- */

/** The mailbox has room. */
static void give_rest(void *ctx, int fd) {
    struct away_group *group = ctx;
    if (!intake_pass_rest(group->away->intake, &group->heir) && group->is_put_off) {
        group->is_put_off = false;
        intake_remove_fd(group->away->intake, fd);
    }
}

/** @return whether give_rest() will be called */
static bool put_off(struct away_group *group) {
    if (!group->is_put_off) {
        group->is_put_off = intake_add_writable_fd(group->away->intake, group->mailbox_fd,
                                                   give_rest, group, NULL) == 0;
    }
    return group->is_put_off;
}

static enum bequeath_result give(struct intake_heir *heir,
                                 const struct passed_connection *connection) {
    struct away_group *group = (struct away_group *)heir;
    struct error err;
    if (group->mailbox_fd < 0) {
        return BEQUEATH_REFUSED;
    }
    if (passing_send(group->mailbox_fd, connection, &err) == 0) {
        return BEQUEATH_PASSED;
    }
    if (err.code == ERR_BUSY && put_off(group)) {
        return BEQUEATH_LATER;
    }
    log_line(LOG_WARN, "worker.channel", NULL, "a request cannot be passed to process %s: %s",
             group->name, err.text);
    return BEQUEATH_REFUSED;
}

static struct away_script *find_script(const struct away *away, const char *path) {
    struct away_script *script = away->scripts;
    while (script && (!path || strcmp(script->path, path) != 0)) {
        script = script->next;
    }
    return script;
}

/** @return what is known of a single script; NULL: it is where the others are, or none */
static const struct away_script *script_at(const struct away *away, size_t place,
                                           const char *script) {
    return place == away->site->app_count ? find_script(away, script) : NULL;
}

/** @return where an application is at home; NULL: here */
static struct away_group *group_at(const struct away *away, size_t place, const char *path) {
    const struct away_script *script = script_at(away, place, path);
    return script ? script->group : away->places[place];
}

const struct home *away_home(const struct away *away, size_t place, const char *path) {
    const struct away_script *script = script_at(away, place, path);
    if (script) {
        return script->home;
    }
    return away->homes ? &away->homes[place] : NULL;
}

bool away_is(const struct away *away, size_t place, const char *script) {
    return group_at(away, place, script) != NULL;
}

/** Its mailbox is full, and as many connections as may wait here as well. */
static bool is_full(const struct away_group *group) {
    return group->is_put_off &&
           intake_count_waiting(group->away->intake, &group->heir, MOST_WAITING) == MOST_WAITING;
}

void away_pass(struct away *away, size_t place, const char *script, struct request *request) {
    struct away_group *group = group_at(away, place, script);
    if (away->is_closed || is_full(group) ||
        !intake_pass_request(away->intake, request, &group->heir)) {
        reply_status(request, "503 Service Unavailable", SUBMIT_RETRY_AFTER_S, NULL);
    }
}

/* ---- From other groups ---- */

/** @return whether there was one */
static bool take_one(struct away *away) {
    struct passed_connection connection;
    struct error err;
    if (passing_receive(away->mailbox_fd, &connection, &err) == 0) {
        intake_adopt(away->intake, &connection);
        free(connection.bytes);
        return true;
    }
    if (err.code == ERR_BUSY) {
        return false;
    }
    log_line(LOG_WARN, "worker.channel", NULL, "a passed connection is lost: %s", err.text);
    return err.code != ERR_CLOSED;
}

static void take_passed(void *ctx, int fd) {
    struct away *away = ctx;
    /* One at a time, then this worker goes to the end of the line: others wait for the next one. */
    take_one(away);
    if (away->is_one_of_many) {
        intake_requeue_fd(away->intake, fd);
    }
}

int away_attach(struct away *away, struct intake *intake, struct error *err) {
    away->intake = intake;
    return away->mailbox_fd < 0
               ? 0
               : intake_add_shared_fd(intake, away->mailbox_fd, take_passed, away, err);
}

void away_leave(struct away *away) {
    if (away->intake && away->mailbox_fd >= 0) {
        intake_remove_fd(away->intake, away->mailbox_fd);
        away->mailbox_fd = -1;
    }
}

static void tell_dry(void *ctx) {
    const struct away *away = ctx;
    channel_tell(away->supervisor, &(struct channel_outgoing){.type = CHANNEL_DRY});
}

void away_hold(struct away *away) {
    if (away->intake && away->mailbox_fd >= 0) {
        intake_hold(away->intake, tell_dry, away);
    }
}

void away_close(struct away *away) {
    while (away->intake && away->mailbox_fd >= 0 && take_one(away)) {
    }
    away_leave(away);
    away->is_closed = true;
    if (away->intake) {
        intake_release(away->intake);
    }
}

/* ---- Homes ---- */

static struct away_group *find_group(const struct away *away, const char *name) {
    struct away_group *group = away->groups;
    while (group && strcmp(group->name, name) != 0) {
        group = group->next;
    }
    return group;
}

static struct away_group *add_group(struct away *away, const char *name) {
    struct away_group *group = calloc(1, sizeof *group);
    char *copy = strdup(name);
    if (!group || !copy) {
        free(group);
        free(copy);
        return NULL;
    }
    *group = (struct away_group){
        .heir = {.give = give}, .away = away, .next = away->groups, .name = copy, .mailbox_fd = -1};
    away->groups = group;
    return group;
}

static bool is_same_socket(int a, int b) {
    struct stat a_status, b_status;
    return fstat(a, &a_status) == 0 && fstat(b, &b_status) == 0 &&
           a_status.st_ino == b_status.st_ino;
}

/** @param fd  taken over; -1: it has no mailbox yet */
static void set_mailbox(struct away_group *group, int fd) {
    int before = group->mailbox_fd;
    if (fd < 0 || fd == before) { /* two applications of one group, as the worker was started */
        return;
    }
    if (before >= 0 && is_same_socket(before, fd)) {
        close(fd);
        return;
    }
    group->mailbox_fd = fd; /* the first, or of a new group with the name of one that is gone */
    if (group->is_put_off) {
        group->is_put_off = false;
        intake_remove_fd(group->away->intake, before);
        intake_pass_rest(group->away->intake, &group->heir);
    }
    if (before >= 0) {
        close(before);
    }
}

static struct away_group *group_of(struct away *away, const char *name, int fd) {
    struct away_group *group = find_group(away, name);
    if (!group) {
        group = add_group(away, name);
    }
    if (group) {
        set_mailbox(group, fd);
    } else if (fd >= 0) {
        close(fd);
    }
    return group;
}

/** @param group  NULL: the own one  @return 0, or -1: out of memory, it stays where it was */
static int set_script(struct away *away, const char *path, struct away_group *group,
                      const struct home *home) {
    struct away_script *script = find_script(away, path);
    if (!script) {
        script = calloc(1, sizeof *script);
        char *copy = strdup(path);
        if (!script || !copy) {
            free(script);
            free(copy);
            return -1;
        }
        *script = (struct away_script){.next = away->scripts, .path = copy};
        away->scripts = script;
    }
    script->group = group;
    script->home = home;
    return 0;
}

static void forget_script(struct away *away, const char *path) {
    struct away_script **link = &away->scripts;
    while (*link && strcmp((*link)->path, path) != 0) {
        link = &(*link)->next;
    }
    struct away_script *script = *link;
    if (script) {
        *link = script->next;
        free(script->path);
        free(script);
    }
}

static int init_scripts(struct away *away, const struct neighbourhood *neighbourhood) {
    for (size_t i = 0; i < neighbourhood->script_count; i++) {
        const struct script_home *script = &neighbourhood->script_homes[i];
        bool is_own = strcmp(script->home.process, away->process) == 0;
        struct away_group *group =
            is_own ? NULL : group_of(away, script->home.process, script->home.mailbox_fd);
        if ((!is_own && !group) || set_script(away, script->path, group, &script->home)) {
            return -1;
        }
    }
    return 0;
}

int away_init(struct away *away, const struct config *site,
              const struct neighbourhood *neighbourhood, const struct channel_end *supervisor,
              struct error *err) {
    *away = (struct away){.site = site,
                          .supervisor = supervisor,
                          .process = neighbourhood->process,
                          .homes = neighbourhood->homes,
                          .mailbox_fd = neighbourhood->mailbox_fd};
    away->places = calloc(site->app_count + 1, sizeof(struct away_group *));
    if (!away->places) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    for (size_t i = 0; neighbourhood->homes && i <= site->app_count; i++) {
        const struct home *home = &neighbourhood->homes[i];
        if (*home->process && strcmp(home->process, away->process) != 0) {
            away->places[i] = group_of(away, home->process, home->mailbox_fd);
            if (!away->places[i]) {
                return error_set(err, ERR_MEMORY, "out of memory");
            }
        }
    }
    return init_scripts(away, neighbourhood) ? error_set(err, ERR_MEMORY, "out of memory") : 0;
}

static bool is_used(const struct away *away, const struct away_group *group) {
    bool is_used = group->is_put_off;
    for (size_t i = 0; i <= away->site->app_count && !is_used; i++) {
        is_used = away->places[i] == group;
    }
    for (const struct away_script *script = away->scripts; script && !is_used;
         script = script->next) {
        is_used = script->group == group;
    }
    return is_used;
}

/** Groups of scripts come and go. */
static void close_unused(struct away *away) {
    for (struct away_group *group = away->groups; group; group = group->next) {
        if (group->mailbox_fd >= 0 && !is_used(away, group)) {
            close(group->mailbox_fd);
            group->mailbox_fd = -1;
        }
    }
}

void away_set_script_home(struct away *away, const char *path, const char *process, int fd) {
    bool is_own = strcmp(process, away->process) == 0;
    struct away_group *group = NULL;
    if (!is_own) {
        group = group_of(away, process, fd);
    } else if (fd >= 0) {
        close(fd);
    }
    if (strcmp(process, CONFIG_PROCESS_SHARED) == 0) { /* where the others are */
        forget_script(away, path);
    } else if (is_own || group) {
        set_script(away, path, group, NULL);
    }
    close_unused(away);
}

void away_set_home(struct away *away, const char *app, const char *process, int fd) {

    const struct app_config *config = config_find_app(away->site, app);
    size_t place = config ? (size_t)(config - away->site->apps) : away->site->app_count;
    bool is_known = (config || !*app) && *process;
    bool is_home = strcmp(process, away->process) == 0;
    if (!is_known || is_home) {
        if (is_known) {
            away->places[place] = NULL;
        }
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    struct away_group *group = group_of(away, process, fd);
    if (group) { /* out of memory: it stays where it was */
        away->places[place] = group;
    }
}
