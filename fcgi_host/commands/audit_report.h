/**
 * An audit's results as JSON and as a text for people.
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_REPORT_H
#define FCGI_HOST_COMMANDS_AUDIT_REPORT_H

#include "fcgi_host/base/json.h"
#include "fcgi_host/commands/audit_result.h"

/** One element of "targets". */
void audit_report_json(struct json_writer *writer, const struct audit_result *result);

/** To standard output: what is wrong, in which variable, what follows, what to do. */
void audit_report_print(const struct audit_result *result);

#endif
