/**
 * The agent: a TCP address at which load balancers ask how much work the host wants.  Each
 * connection gets one line (agent_text.h) and is closed; what a peer sends is not looked at
 * (HAProxy's agent-send).
 *
 * A peer cannot hold up the host: the line is written at once, or not at all, into the empty buffer
 * of a new connection.  The connection is then kept until the peer closes it, for a second at most:
 * closing before could destroy the line with a reset, if the peer had sent something.  Of
 * those that are kept the oldest is closed when there are many.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_AGENT_H
#define FCGI_HOST_SUPERVISOR_AGENT_H

#include "fcgi_host/supervisor/agent_text.h"
#include "fcgi_host/supervisor/loop.h"
#include "pool/base/error.h"

struct agent;

struct agent_hooks {
    void *ctx;
    /** The line for a peer that asks now. */
    void (*say)(void *ctx, char ret_text[AGENT_TEXT_BYTES]);
};

/**
 * @param address  as `agent_listen`
 * @return the agent, or NULL: ERR_USAGE, ERR_SYSTEM (in use …), ERR_MEMORY
 * @owns   the caller: agent_free()
 */
struct agent *agent_new(struct loop *loop, const char *address, const struct agent_hooks *hooks,
                        struct error *err);
/** NULL is fine. */
void agent_free(struct agent *agent);

#endif
