#include "fcgi_host/supervisor/prepare_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/link/reload_outcome.h"

enum { GIVEN_UP_MS = 600 * 1000, WHY_BYTES = 512 };

static const char s_cause[] = "asked for: fcgi_host prepare";
static const char s_prepared[] = "prepared"; /* an outcome */

enum state { LOADING, WAITING, SWITCHING };

/** The workers of one process group. */
struct preparation {
    struct preparation *next;
    struct prepare_commands *all;
    struct fleet *fleet;
    enum state state;
    bool is_of_command; /**< the command that is under way waits for it */
    struct loop_timer given_up;
};

/** There is one command at a time, and those before it are answered. */
struct prepare_commands {
    struct loop *loop;
    struct groups *groups;
    struct preparation *first;
    /* The command that is under way. */
    bool is_busy;
    struct control_client *client; /**< NULL: has gone */
    const char *success;           /**< its outcome, unless something fails */
    uint64_t started_ms;
    unsigned left; /**< preparations that it waits for */
    bool has_failed;
    char why[WHY_BYTES];
};

/* ---- Answers ---- */

static void abort_all(struct prepare_commands *all, const char *why);

/** Answer the command if there is nothing left to wait for. */
static void finish_if_done(struct prepare_commands *all) {
    if (!all->is_busy || all->left > 0) {
        return;
    }
    struct control_client *client = all->client;
    all->is_busy = false;
    all->client = NULL;
    if (all->has_failed && strcmp(all->success, s_prepared) == 0) {
        abort_all(all, "another process group was not prepared"); /* all or none */
    }
    if (!all->has_failed && strcmp(all->success, s_prepared) == 0) {
        log_line(LOG_INFO, "reload.prepared", NULL, "new code waits to be committed, or aborted");
    }
    if (client) {
        control_answer_outcome(
            client, all->has_failed ? reload_outcome_name(RELOAD_OUTCOME_KEPT) : all->success,
            all->why, (double)(loop_now_ms() - all->started_ms));
    }
}

/** @return whether the command has begun; else the client was answered */
static bool begin(struct prepare_commands *all, struct control_client *client,
                  const char *success) {
    if (all->is_busy) {
        control_answer_outcome(client, reload_outcome_name(RELOAD_OUTCOME_KEPT),
                               "another such command has not ended yet", 0);
        return false;
    }
    all->is_busy = true;
    all->client = client;
    all->success = success;
    all->started_ms = loop_now_ms();
    all->left = 0;
    all->has_failed = false;
    all->why[0] = '\0';
    return true;
}

static void fail(struct prepare_commands *all, const char *why) {
    all->has_failed = true;
    snprintf(all->why, sizeof all->why, "%s", why);
}

/* ---- Preparations ---- */

static void preparation_free(struct preparation *preparation) {
    struct prepare_commands *all = preparation->all;
    struct preparation **link = &all->first;
    while (*link != preparation) {
        link = &(*link)->next;
    }
    *link = preparation->next;
    loop_disarm(all->loop, &preparation->given_up);
    groups_forget(all->groups, preparation);
    free(preparation);
}

/** Its part of the command has ended. */
static void count_down(struct preparation *preparation) {
    if (preparation->is_of_command) {
        preparation->is_of_command = false;
        preparation->all->left--;
    }
}

static void on_prepared(void *ctx) {
    struct preparation *preparation = ctx;
    struct prepare_commands *all = preparation->all;
    preparation->state = WAITING;
    loop_arm(all->loop, &preparation->given_up, GIVEN_UP_MS);
    count_down(preparation);
    finish_if_done(all);
}

static void on_done(void *ctx, const struct replacement_result *result) {
    struct preparation *preparation = ctx;
    struct prepare_commands *all = preparation->all;
    if (result->is_kept && preparation->is_of_command) {
        fail(all, result->why);
    }
    count_down(preparation);
    preparation_free(preparation);
    finish_if_done(all);
}

static void on_given_up(void *ctx) {
    const struct preparation *preparation = ctx;
    fleet_abort(preparation->fleet, "nobody has said \"commit\"");
}

static void prepare(struct prepare_commands *all, struct fleet *fleet) {
    struct preparation *preparation = calloc(1, sizeof *preparation);
    if (!preparation) {
        fail(all, "out of memory");
        return;
    }
    *preparation = (struct preparation){
        .next = all->first, .all = all, .fleet = fleet, .state = LOADING, .is_of_command = true};
    preparation->given_up = (struct loop_timer){.expired = on_given_up, .ctx = preparation};
    all->first = preparation;
    all->left++;
    if (fleet_is_asleep(fleet)) { /* nothing serves: the next request starts the new code */
        on_prepared(preparation);
        return;
    }
    fleet_replace(fleet, &(struct replacement_wish){.cause = s_cause,
                                                    .seat = -1,
                                                    .is_held = true,
                                                    .prepared = on_prepared,
                                                    .done = on_done,
                                                    .ctx = preparation});
}

static void commit(struct preparation *preparation) {
    preparation->state = SWITCHING;
    preparation->is_of_command = true;
    preparation->all->left++;
    loop_disarm(preparation->all->loop, &preparation->given_up);
    if (!fleet_commit(preparation->fleet)) { /* it was asleep, and may not be any more */
        fleet_replace(preparation->fleet,
                      &(struct replacement_wish){
                          .cause = s_cause, .seat = -1, .done = on_done, .ctx = preparation});
    }
}

static void abort_one(struct preparation *preparation, const char *why) {
    if (fleet_is_asleep(preparation->fleet)) {
        preparation_free(preparation);
    } else {
        fleet_abort(preparation->fleet, why);
    }
}

static void abort_all(struct prepare_commands *all, const char *why) {
    struct preparation *next;
    for (struct preparation *each = all->first; each; each = next) {
        next = each->next;
        if (each->state == WAITING) {
            abort_one(each, why);
        }
    }
}

/* ---- Commands ---- */

static struct preparation *find(const struct prepare_commands *all, const struct fleet *fleet) {
    struct preparation *each = all->first;
    while (each && each->fleet != fleet) {
        each = each->next;
    }
    return each;
}

static void run_prepare(struct prepare_commands *all, struct control_client *client,
                        const struct string_list *words) {
    struct fleet *fleet = NULL;
    if (!begin(all, client, s_prepared)) {
        return;
    }
    all->left++; /* the loop itself: a call may be answered at once */
    while ((fleet = groups_next_fleet(all->groups, fleet))) {
        bool is_wanted = !fleet_is_stopping(fleet) && groups_concern(all->groups, fleet, words);
        struct preparation *before = is_wanted ? find(all, fleet) : NULL;
        if (before) { /* the code may be newer by now */
            abort_one(before, "it is prepared anew");
        }
        if (is_wanted) {
            prepare(all, fleet);
        }
    }
    all->left--;
    finish_if_done(all);
}

/** @return how many of those that wait are meant, each given to `act` */
static unsigned each_waiting(struct prepare_commands *all, const struct string_list *words,
                             void (*act)(struct preparation *preparation)) {
    unsigned count = 0;
    struct preparation *next;
    for (struct preparation *each = all->first; each; each = next) {
        next = each->next;
        if (each->state == WAITING && groups_concern(all->groups, each->fleet, words)) {
            count++;
            act(each);
        }
    }
    return count;
}

static void abort_as_asked(struct preparation *preparation) {
    abort_one(preparation, "asked for: fcgi_host abort");
}

static void run_on_waiting(struct prepare_commands *all, struct control_client *client,
                           const struct string_list *words, const char *success,
                           void (*act)(struct preparation *preparation)) {
    if (!begin(all, client, success)) {
        return;
    }
    all->left++;
    if (each_waiting(all, words, act) == 0) {
        fail(all, "nothing is prepared");
    }
    all->left--;
    finish_if_done(all);
}

bool prepare_command_run(struct prepare_commands *all, struct control_client *client,
                         const struct string_list *words) {
    const char *command = words->items[0];
    bool is_prepare = strcmp(command, "prepare") == 0, is_commit = strcmp(command, "commit") == 0;
    if (!is_prepare && !is_commit && strcmp(command, "abort") != 0) {
        return false;
    }
    const char *unknown = groups_unknown_name(all->groups, words);
    if (unknown) {
        char why[WHY_BYTES];
        snprintf(why, sizeof why, "no application is called \"%.400s\"", unknown);
        control_answer_outcome(client, reload_outcome_name(RELOAD_OUTCOME_UNKNOWN), why, 0);
    } else if (is_prepare) {
        run_prepare(all, client, words);
    } else if (is_commit) {
        run_on_waiting(all, client, words, reload_outcome_name(RELOAD_OUTCOME_REPLACED), commit);
    } else {
        run_on_waiting(all, client, words, "aborted", abort_as_asked);
    }
    return true;
}

/* ---- Life ---- */

void prepare_commands_forget(struct prepare_commands *all, const struct fleet *fleet) {
    struct preparation *preparation = find(all, fleet);
    if (preparation) {
        if (preparation->is_of_command) {
            fail(all, "its process group has gone");
        }
        count_down(preparation);
        preparation_free(preparation);
        finish_if_done(all);
    }
}

void prepare_command_client_gone(struct prepare_commands *all,
                                 const struct control_client *client) {
    if (all->client == client) {
        all->client = NULL;
    }
}

struct prepare_commands *prepare_commands_new(struct loop *loop, struct groups *groups,
                                              struct error *err) {
    struct prepare_commands *all = calloc(1, sizeof *all);
    if (!all) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    *all = (struct prepare_commands){.loop = loop, .groups = groups};
    return all;
}

void prepare_commands_free(struct prepare_commands *all) {
    while (all && all->first) {
        preparation_free(all->first); // NOLINT(clang-analyzer-unix.Malloc): unlinks it first
    }
    free(all);
}
