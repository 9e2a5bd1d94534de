/**
 * Times as the status writes them.  @thread any  @tstate any
 */
#ifndef FCGI_HOST_BASE_JSON_TIME_H
#define FCGI_HOST_BASE_JSON_TIME_H

#include <stddef.h>
#include <stdint.h>

/** "2026-11-24T13:53:01Z" @param seconds  CLOCK_REALTIME @tstate any */
void status_format_time(int64_t seconds, char *ret_text, size_t text_bytes);

#endif
