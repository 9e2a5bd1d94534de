/**
 * How much memory this process uses.
 *
 * Follows: proc(5), /proc/pid/statm.
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_BASE_MEMORY_H
#define FCGI_HOST_BASE_MEMORY_H

#include <stdint.h>

/** Resident memory of this process, in bytes; 0 when the kernel does not tell. */
uint64_t memory_resident_bytes(void);

#endif
