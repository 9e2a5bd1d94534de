/**
 * What the limits thread does to a request that a serving thread has (fastcgi/hold.h has the
 * rules): it answers in place of a thread that does not come back in time, and sees whether the
 * client has gone.
 */
#ifndef FCGI_HOST_WORKER_TAKEOVER_H
#define FCGI_HOST_WORKER_TAKEOVER_H

#include <stdbool.h>

#include "fcgi_host/fastcgi/request.h"
#include "fcgi_host/link/scoreboard.h"

/**
 * A request, whose application is known, begins on the calling thread.
 * @param slot  what limits_begin() returned; NULL: nobody can take the request
 * @thread serving
 */
void takeover_begin(struct scoreboard_slot *slot, struct request *request);

/** limits_options.answer */
bool takeover_answer(void *ctx, unsigned slot_index, const struct slot_view *view,
                     const char **ret_what);
/** limits_options.find_client_gone */
bool takeover_find_client_gone(void *ctx, unsigned slot_index, const struct slot_view *view,
                               bool *ret_is_gone);

#endif
