/**
 * The throw-away process of a rehearsal: loads a target in one interpreter after another, asks each
 * for the same pages, and writes down the answers (audit_result.h).
 *
 * Interpreters are called A, B, C, in the order in which they are made.
 *
 * @thread the process's only one  @tstate none on entry; starts Python
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_REHEARSE_H
#define FCGI_HOST_COMMANDS_AUDIT_REHEARSE_H

#include "fcgi_host/commands/audit_child.h"

/** @param way  AUDIT_PLAIN and those after it */
void audit_rehearse(const struct audit_target *target, enum audit_way way, int fd);

#endif
