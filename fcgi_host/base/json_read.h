/**
 * JSON, read by libjansson: every document may come from a hostile process.
 *
 * The status has one model, its JSON document: the table, the page and the metrics are made by
 * reading it, so that no two of them can disagree.
 *
 * jansson's own functions read the document: those for reading take NULL, and give NULL, 0 or
 * nothing for a value that is absent or of another type.
 *
 * @thread any: a document belongs to its caller
 * @tstate none
 */
#ifndef FCGI_HOST_BASE_JSON_READ_H
#define FCGI_HOST_BASE_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

#include "pool/base/error.h"

/**
 * Parse a document.  Strings in it are UTF-8 without NUL.
 *
 * @return the document, or NULL: ERR_PROTOCOL (not JSON, a NUL in a string, nested too deep),
 *         ERR_MEMORY.  The error's text holds nothing of the document.
 * @owns   the caller: json_decref(), which takes NULL
 */
json_t *json_parse(const char *text, size_t bytes, struct error *err);

/** @return a member's text, or "" when it is absent or no string; valid as long as `object` */
const char *json_get_string(const json_t *object, const char *key);
/** @return a member's number, or 0 when it is absent or no number */
double json_get_number(const json_t *object, const char *key);

#endif
