/**
 * What an agent says of its host to a load balancer: one line, in the words of HAProxy's
 * agent-check.  Pure.
 *
 * Follows: HAProxy's configuration manual, "agent-check".
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_AGENT_TEXT_H
#define FCGI_HOST_SUPERVISOR_AGENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

enum { AGENT_TEXT_BYTES = 320 };

struct agent_look {
    bool is_stopping;
    bool is_draining;
    const char *unready; /**< why no requests should come ("loading: blog"); NULL: they should */
    double filled; /**< of the room that requests have to wait in; 0: none waits, 1: none left */
};

/**
 * "stopped # …", "drain", "down # WHY", or "up ready NN%": 100 while nothing waits, 1 when there is
 * no room left, and never 0, which would take the server away.  With a newline; cut to fit, bytes
 * that would end the line replaced.
 */
void agent_text(const struct agent_look *look, char ret_text[AGENT_TEXT_BYTES]);

#endif
