#include "fcgi_host/app/live.h"

#include <pthread.h>

#include "fcgi_host/link/live_board.h"

/* What is to be told of an application. */
enum news { NEWS_NONE, NEWS_SERVES, NEWS_FAILS };

static struct {
    bool is_on; /* set before the first thread is started */
    pthread_mutex_t lock;
    bool accepts;               /* @lock */
    bool is_held[LIVE_SLOTS];   /* @lock */
    enum news news[LIVE_SLOTS]; /* @lock: until it may be told */
    uint64_t drawn[LIVE_SLOTS]; /* @lock: the state of the code that was loaded last */
} s_live = {.lock = PTHREAD_MUTEX_INITIALIZER};

void live_start(const struct config *config) {
    s_live.is_on = config->live && live_board_fd() >= 0;
}

static int slot_of(const struct app_config *config) {
    return s_live.is_on && config->dev ? live_board_slot(config->name) : -1;
}

/** @lock held */
static bool may_tell(int slot) {
    return s_live.accepts && !s_live.is_held[slot];
}

/** @lock held */
static void tell(int slot, enum news news) {
    if (!may_tell(slot)) {
        s_live.news[slot] = news;
    } else if (news == NEWS_SERVES) {
        live_board_serves(slot, s_live.drawn[slot]);
    } else if (news == NEWS_FAILS) {
        live_board_failed(slot);
    }
}

void live_accept(void) {
    pthread_mutex_lock(&s_live.lock);
    s_live.accepts = true;
    for (int i = 0; i < LIVE_SLOTS; i++) {
        tell(i, s_live.news[i]);
    }
    pthread_mutex_unlock(&s_live.lock);
}

static void set_held(const struct app_config *config, bool is_held) {
    int slot = slot_of(config);
    if (slot >= 0) {
        pthread_mutex_lock(&s_live.lock);
        bool was_held = s_live.is_held[slot];
        s_live.is_held[slot] = is_held;
        if (was_held && !is_held) {
            tell(slot, s_live.news[slot]);
        }
        pthread_mutex_unlock(&s_live.lock);
    }
}

void live_hold(const struct app_config *config) {
    set_held(config, true);
}

void live_release(const struct app_config *config) {
    set_held(config, false);
}

void live_expect(const struct app_config *config) {
    int slot = slot_of(config);
    if (slot >= 0) {
        live_board_expect(slot);
    }
}

struct live_origin live_draw(const struct app_config *config) {
    struct live_origin origin = {.slot = slot_of(config)};
    if (origin.slot >= 0) {
        origin.state = live_board_draw(origin.slot);
        pthread_mutex_lock(&s_live.lock);
        s_live.drawn[origin.slot] = origin.state;
        pthread_mutex_unlock(&s_live.lock);
    }
    return origin;
}

struct live_origin live_failure_origin(const struct app_config *config) {
    int slot = slot_of(config);
    return (struct live_origin){slot, live_board_state(slot)};
}

void live_serves(const struct app_config *config) {
    int slot = slot_of(config);
    if (slot >= 0) {
        pthread_mutex_lock(&s_live.lock);
        tell(slot, NEWS_SERVES);
        pthread_mutex_unlock(&s_live.lock);
    }
}

void live_fails(const struct app_config *config, const struct error *err) {
    int slot = slot_of(config);
    /* One that refuses this interpreter is tried in another one, or another process. */
    if (slot < 0 || err->code == ERR_REFUSED || err->code == ERR_EXHAUSTED) {
        return;
    }
    pthread_mutex_lock(&s_live.lock);
    if (!may_tell(slot)) {
        live_board_keep_error(slot, err);
    }
    tell(slot, NEWS_FAILS);
    pthread_mutex_unlock(&s_live.lock);
}

bool live_take_error(const struct app_config *config, struct error *ret_err) {
    int slot = slot_of(config);
    if (slot < 0) {
        return false;
    }
    pthread_mutex_lock(&s_live.lock);
    bool is_its_own = s_live.is_held[slot];
    pthread_mutex_unlock(&s_live.lock);
    return !is_its_own && live_board_take_error(slot, ret_err);
}
