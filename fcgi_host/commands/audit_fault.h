/**
 * Where a throw-away process of an audit crashed, or hangs: which images are on the stack.
 *
 * A signal that ends the process is heard first.  For each image that the C stack of its thread
 * leads through, the innermost first, a line `fault FILE` is written; then the process goes on to
 * end by that signal.  AUDIT_FAULT_ASK, sent to one thread, does the same for a thread that hangs.
 *
 * @thread the process's only one  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_FAULT_H
#define FCGI_HOST_COMMANDS_AUDIT_FAULT_H

#include <signal.h>

#define AUDIT_FAULT_ASK SIGABRT

/** Write lines to `fd` from now on. */
void audit_fault_watch(int fd);

#endif
