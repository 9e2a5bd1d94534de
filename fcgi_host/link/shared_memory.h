/**
 * Memory that a process shares with those that it forks.
 *
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_LINK_SHARED_MEMORY_H
#define FCGI_HOST_LINK_SHARED_MEMORY_H

#include <stddef.h>

#include "pool/base/error.h"

/** @return memory, all zero, touched only as far as it is used; or NULL with ERR_SYSTEM
 *  @owns the caller: munmap(2) */
void *shared_memory_new(size_t bytes, struct error *err);

#endif
