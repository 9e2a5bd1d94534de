#include "fcgi_host/worker/takeover.h"

#include "fcgi_host/app/application.h"
#include "fcgi_host/cgi/reply.h"
#include "fcgi_host/fastcgi/hold.h"
#include "pool/pool.h"

/** One for each slot of the scoreboard, so one for each serving thread. */
static struct request_hold s_holds[SCOREBOARD_SLOTS];

void takeover_begin(struct scoreboard_slot *slot, struct request *request) {
    int index = scoreboard_my_index();
    if (slot && index >= 0 && slot->facts.timeout_s) {
        request->hold = &s_holds[index];
        hold_begin(request->hold, request, atomic_load(&slot->sequence), slot->facts.line);
    }
}

bool takeover_answer(void *ctx, unsigned slot_index, const struct slot_view *view,
                     const char **ret_what) {
    struct request *request;
    (void)ctx;
    switch (hold_take(&s_holds[slot_index], view->sequence, &request)) {
    case HOLD_IN_USE:
        return false;
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
