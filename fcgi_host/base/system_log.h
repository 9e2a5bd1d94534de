/**
 * Lines for syslog(3), whose constants have the names of log.h's.
 *
 * @thread one at a time  @tstate none: it may wait for the system's log
 */
#ifndef FCGI_HOST_BASE_SYSTEM_LOG_H
#define FCGI_HOST_BASE_SYSTEM_LOG_H

#include <stddef.h>

/** Before the first: as whose lines they appear. */
void system_log_open(void);
/** Send each line (facility daemon, level info). @param lines  whole ones, with their newlines */
void system_log_write(const char *lines, size_t size);

#endif
