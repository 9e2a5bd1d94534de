/**
 * What placement_memory.c (the entries) and placement_memory_json.c (their text) share.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_PLACEMENT_MEMORY_INTERNAL_H
#define FCGI_HOST_SUPERVISOR_PLACEMENT_MEMORY_INTERNAL_H

#include <stddef.h>

#include "fcgi_host/base/json.h"
#include "fcgi_host/supervisor/placement_memory.h"

/** Copy an entry. @return NULL when out of memory @owns the caller: learnt_free() */
struct learnt *learnt_copy(const struct learnt *learnt);
void learnt_free(struct learnt *learnt);
void learnt_list_free(struct learnt **list);

/** Write the whole file's text; json->failed when out of memory. */
void learnt_write(struct json_writer *json, const struct learnt *list);
/**
 * Read it; it may be anything.
 * @param[out] ret_list  appended to an empty list; empty on failure
 * @return 0, or -1: ERR_PROTOCOL, ERR_MEMORY
 */
int learnt_read(const char *text, size_t bytes, struct learnt **ret_list, struct error *err);

#endif
