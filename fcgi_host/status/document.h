/**
 * Writing the status document.  The key of a member comes from its row in fields.def.
 *
 * Each function writes the member into the object that the writer is in; the caller ends objects
 * and lists with json_end_object() and json_end_array().  A value of another kind than the row's is
 * a mistake of the caller's (assert).  Objects in a list have no key: json_begin_object().
 *
 * @thread any: each writer belongs to its caller
 * @tstate none
 */
#ifndef FCGI_HOST_STATUS_DOCUMENT_H
#define FCGI_HOST_STATUS_DOCUMENT_H

#include <stdint.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/status/fields.h"

/** @param text  NULL is written as null */
void document_add_text(struct json_writer *json, enum status_member member, const char *text);
/** @param seconds  CLOCK_REALTIME; 0, never, is written as null */
void document_add_time(struct json_writer *json, enum status_member member, int64_t seconds);
void document_add_integer(struct json_writer *json, enum status_member member, int64_t value);
void document_add_number(struct json_writer *json, enum status_member member, double value);
void document_add_null(struct json_writer *json, enum status_member member);
void document_begin_object(struct json_writer *json, enum status_member member);
void document_begin_list(struct json_writer *json, enum status_member member);

#endif
