/**
 * A rehearsal: a target is asked for pages in one interpreter after another, in several orders,
 * each in a process of its own, and its answers are compared with those of one plain interpreter.
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_AUDIT_REHEARSAL_H
#define FCGI_HOST_COMMANDS_AUDIT_REHEARSAL_H

#include "fcgi_host/base/json.h"
#include "fcgi_host/commands/audit_child.h"

/** Rehearse, and give the extensions that are to blame their verdicts.
 *  @pre the result is judged; target->requests are set  Errors: ERR_SYSTEM, ERR_MEMORY */
int audit_rehearsal_run(struct audit_result *result, const struct audit_target *target,
                        unsigned timeout_s, struct error *err);

/** Take in an answer of a process (audit_result.h, "answer"). Errors: ERR_PROTOCOL, ERR_MEMORY */
int audit_rehearsal_take(struct audit_result *result, enum audit_way way, char **fields,
                         struct error *err);

/** @return whether an order has shown something; its way. @param[out] ret_way  may be NULL */
bool audit_rehearsal_has_failed(const struct audit_result *result, enum audit_way *ret_way);
/** What an order has shown, in words. */
void audit_rehearsal_explain(const struct audit_result *result, enum audit_way way, char *ret_text,
                             size_t text_bytes);

/** The member "rehearsal". */
void audit_rehearsal_json(struct json_writer *writer, const struct audit_result *result);
/** To standard output, for people. */
void audit_rehearsal_print(const struct audit_result *result);

void audit_rehearsal_clear(struct audit_rehearsal *rehearsal);

#endif
