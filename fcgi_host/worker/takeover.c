#include "fcgi_host/worker/takeover.h"

#include "fcgi_host/app/application.h"
#include "fcgi_host/app/limits.h"
#include "fcgi_host/cgi/method.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/fastcgi/hold.h"
#include "pool/pool.h"

/** One for each slot of the scoreboard, so one for each serving thread. */
static struct request_hold s_holds[SCOREBOARD_SLOTS];

static bool watches_client(const struct request *request) {
    enum on_client_gone what = request->application->config->on_client_gone;
    return what == ON_CLIENT_GONE_RAISE_ANY ||
           (what == ON_CLIENT_GONE_RAISE && method_is_safe(request));
}

void takeover_begin(struct scoreboard_slot *slot, struct request *request) {
    int index = scoreboard_my_index();
    bool watches = watches_client(request);
    if (!slot || index < 0 || (!slot->facts.timeout_s && !watches)) {
        return;
    }
    request->hold = &s_holds[index];
    hold_begin(request->hold, request, atomic_load(&slot->sequence), slot->facts.line);
    if (watches && request_watch_client(request)) {
        limits_client_event(request->application->limits);
    }
}

bool takeover_find_client_gone(void *ctx, unsigned slot_index, const struct slot_view *view,
                               bool *ret_is_gone) {
    struct request_hold *hold = &s_holds[slot_index];
    struct request *request;
    (void)ctx;
    if (!atomic_exchange(&hold->has_peer_event, false)) {
        return true;
    }
    switch (hold_look(hold, view->sequence, &request)) {
    case HOLD_IN_USE:
        atomic_store(&hold->has_peer_event, true);
        return false;
    case HOLD_WATCHES:
    case HOLD_HAS_ENDED:
        return true;
    case HOLD_IS_MINE:
        break;
    }
    *ret_is_gone = request_is_client_gone(request);
    hold_look_end(hold);
    return true;
}

bool takeover_answer(void *ctx, unsigned slot_index, const struct slot_view *view,
                     const char **ret_what) {
    struct request *request;
    (void)ctx;
    switch (hold_take(&s_holds[slot_index], view->sequence, &request)) {
    case HOLD_IN_USE:
        return false;
    case HOLD_WATCHES:
    case HOLD_HAS_ENDED:
        return true;
    case HOLD_IS_MINE:
        break;
    }
    pool_give_up_job(view->facts.generation, view->facts.python_ident);
    switch (request_take_over(request)) {
    case REQUEST_UNANSWERED:
        *ret_what = "answered with status 504";
        reply_status(request, "504 Gateway Timeout", NULL, NULL);
        break;
    case REQUEST_HALF_SENT:
        *ret_what = "the response was cut";
        request_finish(request, REQUEST_CUT, 0);
        break;
    case REQUEST_ANSWERED:
        *ret_what = "the response was complete";
        request_finish(request, REQUEST_COMPLETE, 0);
        break;
    }
    return true;
}
