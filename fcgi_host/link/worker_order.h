/**
 * What the supervisor sends to a template (template_start in worker_start.h): start a worker, as a
 * child of fork() that the supervisor adopts, with these descriptors; or write to another log.
 *
 * A packet of a SOCK_SEQPACKET pair with the descriptors; what is longer is in a memory file, which
 * is one of them.  The answer is a message of channel.h: CHANNEL_TEMPLATE_FORKED or
 * CHANNEL_TEMPLATE_STALE.
 *
 * Everything else that crosses fork() for a worker of the supervisor's own is the template's
 * already, since it has it from the supervisor's fork().
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_LINK_WORKER_ORDER_H
#define FCGI_HOST_LINK_WORKER_ORDER_H

#include "fcgi_host/link/homes.h"
#include "pool/base/error.h"

/** Descriptors that are not there are -1.  All but `log_fd` belong to a worker that is to start;
 *  without `channel_fd` no worker is. */
struct worker_order {
    int channel_fd, last_words_fd;
    int board_fd; /**< a memory file: scoreboard_open() */
    int listen_fd, modules_fd;
    int log_fd;           /**< log_target_use() */
    const char *log_name; /**< of which target; NULL: of none */
    int balance_member;
    /** `process` is the name of the template's own group; the mailboxes are sent, that of the own
     *  group's home is not. */
    struct neighbourhood neighbourhood;
    size_t home_count; /**< of neighbourhood.homes */
    char *bytes;       /**< of a received one: what its texts point into */
};

/** An order without anything. */
extern const struct worker_order worker_order_none;

/**
 * Send one; the descriptors stay open here.
 * @return 0, or -1: ERR_CLOSED (the template has ended), ERR_BUSY (it does not read), ERR_EXHAUSTED
 *         (too many mailboxes for one packet), ERR_SYSTEM, ERR_MEMORY
 */
int worker_order_send(int fd, const struct worker_order *order, struct error *err);

/**
 * @param[out] ret_order  set only on success; its descriptors are CLOEXEC
 * @return 0, or -1: ERR_CLOSED, ERR_BUSY (there is none), ERR_PROTOCOL, ERR_SYSTEM, ERR_MEMORY
 * @owns   the caller: worker_order_free()
 */
int worker_order_receive(int fd, struct worker_order *ret_order, struct error *err);

/** Close and free what worker_order_receive() has given. */
void worker_order_free(struct worker_order *order);

#endif
