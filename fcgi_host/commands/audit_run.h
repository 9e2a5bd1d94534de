/**
 * The audit of one target: all its processes, the judgement, and what is learnt of it.
 *
 * @thread the process's only one (it forks)  @tstate none; Python must not have been started
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_RUN_H
#define FCGI_HOST_COMMANDS_AUDIT_RUN_H

#include "fcgi_host/commands/audit_result.h"
#include "fcgi_host/config/config.h"
#include "fcgi_host/supervisor/placement_memory.h"

struct audit_order {
    char *file;                         /**< a WSGI file, or an application of `site` */
    const char *module;                 /**< of -m MODULE, in place of a file; or NULL */
    const struct config *site;          /**< of --config; NULL: the file is the only application */
    const struct string_list *requests; /**< pages for the rehearsal; none: no rehearsal */
    unsigned timeout_s;                 /**< for a process */
    bool learns;                        /**< keep for serve that it belongs in main */
};

/**
 * @param result  `target` is set, the rest is zero
 * @return 0, or -1: ERR_USAGE (no such target; it cannot be learnt), ERR_SYSTEM, ERR_MEMORY,
 *         ERR_PROTOCOL
 */
int audit_run_target(struct audit_result *result, const struct audit_order *order,
                     struct error *err);

/** The audit of an application, of which nothing is learnt. Errors: as above */
int audit_run_application(struct audit_result *result, const struct app_config *app,
                          const struct string_list *requests, unsigned timeout_s,
                          struct error *err);

/** @return whether the target belongs in the main interpreter. @pre the audit is over */
bool audit_run_is_main(const struct audit_result *result);
/** @return what is to be kept of an application that does, as if serve had found it; its place is
 *          not filled in, its texts are the result's and the application's */
struct learnt audit_run_lesson(const struct audit_result *result, const struct app_config *app);

#endif
