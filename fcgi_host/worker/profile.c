#include "fcgi_host/worker/profile.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/app/stacks.h"
#include "fcgi_host/base/log.h"
#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/link/session.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

enum {
    STACK_TIMEOUT_MS = 100, /**< a thread that takes no signal holds up the others for so long */
    REST = 4,               /**< after a look, so many times as long as it took */
    MOST_RATE = 1000,
    MOST_MS = 3600 * 1000,
};

static atomic_bool s_is_running;

struct profile {
    struct scoreboard *board;
    char *app;
    int fd;
    unsigned long long user;
    unsigned rate, duration_ms;
    unsigned looks, stacks, silent;
    char text[SESSION_PACKET_BYTES];
};

static int take_packet(void *ctx, const struct session_packet *packet, struct error *err) {
    struct profile *profile = ctx;
    bool is_known = packet->type == SESSION_RATE &&
                    sscanf(packet->bytes, "%u %u", &profile->rate, &profile->duration_ms) == 2;
    return is_known ? 0 : error_set(err, ERR_PROTOCOL, "an unknown packet");
}

static int receive_order(struct profile *profile, struct error *err) {
    int rc = session_receive_order(profile->fd, take_packet, profile, err);
    if (rc == 0 && (profile->rate < 1 || profile->rate > MOST_RATE || profile->duration_ms < 1 ||
                    profile->duration_ms > MOST_MS)) {
        rc = error_set(err, ERR_PROTOCOL, "1 to %d looks a second, for an hour at most", MOST_RATE);
    }
    return rc;
}

/** Send the stack of a thread that serves the application, unless its request has ended meanwhile.
 *  @return 0, or -1: the command has gone */
static int sample(struct profile *profile, const struct scoreboard_slot *slot,
                  const struct slot_view *view) {
    struct error err;
    int length = snprintf(profile->text, sizeof profile->text, "%d\n", (int)view->thread_id);
    int rc = stacks_of(view->thread_id, STACK_TIMEOUT_MS, profile->text + length,
                       sizeof profile->text - (size_t)length, &err);
    if (atomic_load(&slot->sequence) != view->sequence) {
        return 0;
    }
    if (rc != 0) {
        profile->silent++;
        return 0;
    }
    profile->stacks++;
    return session_say(profile->fd, SESSION_STACK, profile->text, &err);
}

/** @return 0, or -1: the command has gone */
static int look(struct profile *profile) {
    const struct scoreboard *board = profile->board;
    unsigned used = atomic_load(&board->used);
    struct slot_view view;
    profile->looks++;
    for (unsigned i = 0; i < used; i++) {
        const struct scoreboard_slot *slot = &board->slots[i];
        if (scoreboard_read(slot, &view) && slot_is_serving(view.activity) &&
            strcmp(view.facts.app, profile->app) == 0 && sample(profile, slot, &view)) {
            return -1;
        }
    }
    return 0;
}

/** @return whether it is the time; false: the command has gone */
static bool wait_until(const struct profile *profile, uint64_t time_ns) {
    struct pollfd session = {.fd = profile->fd, .events = POLLRDHUP};
    uint64_t now_ns;
    while ((now_ns = clock_now_ns()) < time_ns) {
        const struct timespec left = clock_timespec(time_ns - now_ns);
        if (ppoll(&session, 1, &left, NULL) > 0) {
            return false;
        }
    }
    return true;
}

static void follow(struct profile *profile) {
    uint64_t period_ns = CLOCK_NS_PER_S / profile->rate;
    uint64_t due_ns = clock_now_ns();
    uint64_t end_ns = due_ns + profile->duration_ms * CLOCK_NS_PER_MS;
    while (due_ns < end_ns) {
        if (!wait_until(profile, due_ns)) {
            return;
        }
        uint64_t begun_ns = clock_now_ns();
        if (look(profile)) {
            return;
        }
        uint64_t now_ns = clock_now_ns(), rested_ns = now_ns + REST * (now_ns - begun_ns);
        due_ns += period_ns;
        due_ns = due_ns > rested_ns ? due_ns : rested_ns;
    }
}

static void run(struct profile *profile) {
    const struct log_about about = {.app = profile->app};
    struct error err;
    char text[160];
    if (receive_order(profile, &err)) {
        session_end(profile->fd, SESSION_NOT_RUN, err.text);
        return;
    }
    log_line(LOG_INFO, "profile.begin", &about, "user %llu samples stacks, %u a second for %.1f s",
             profile->user, profile->rate, profile->duration_ms / 1000.0);
    follow(profile);
    snprintf(text, sizeof text,
             "%u looks, %u stacks of threads that served a request, %u of which "
             "could not be read",
             profile->looks, profile->stacks + profile->silent, profile->silent);
    session_end(profile->fd, 0, text);
}

static void profile_free(struct profile *profile) {
    free(profile->app);
    free(profile);
}

static void *run_in_thread(void *arg) {
    struct profile *profile = arg;
    run(profile);
    close(profile->fd);
    profile_free(profile);
    atomic_store(&s_is_running, false);
    return NULL;
}

/** @return NULL: it runs, and the descriptor is its thread's; else why not */
static const char *start(struct scoreboard *board, const struct channel_message *message) {
    if (atomic_exchange(&s_is_running, true)) {
        return "somebody else samples this worker's stacks now";
    }
    struct profile *profile = calloc(1, sizeof *profile);
    char *app = strdup(message->name);
    if (profile && app) {
        profile->board = board;
        profile->app = app;
        profile->fd = message->fd;
        profile->user = message->number;
        if (thread_start(run_in_thread, profile, "profile", NULL) == 0) {
            return NULL;
        }
    }
    free(app);
    free(profile);
    atomic_store(&s_is_running, false);
    return "out of memory or threads";
}

void profile_begin(struct scoreboard *board, const struct channel_message *message) {
    const char *why = message->fd >= 0 ? start(board, message) : NULL;
    if (why) {
        session_end(message->fd, SESSION_NOT_RUN, why);
        close(message->fd);
    }
}
