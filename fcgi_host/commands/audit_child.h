/**
 * The throw-away process of an audit: loads a target in one way and writes down what happens.
 *
 * @thread the process's only one  @tstate none on entry; starts Python
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_CHILD_H
#define FCGI_HOST_COMMANDS_AUDIT_CHILD_H

#include "fcgi_host/commands/audit_result.h"
#include "fcgi_host/config/config.h"

struct audit_target {
    const char *module;                 /**< of -m MODULE; else NULL */
    const struct app_config *app;       /**< the application of the WSGI file; else NULL */
    const struct string_list *requests; /**< pages to ask it for, of a rehearsal */
    bool fills_memory;                  /**< in a rehearsal what is freed is overwritten */
};

/** Load the target, and write lines (audit_result.h) to `fd`. */
void audit_child(const struct audit_target *target, enum audit_way way, int fd);

#endif
