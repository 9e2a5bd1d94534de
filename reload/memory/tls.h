/**
 * Thread-local variables of other threads.
 *
 * Each thread has a table (the DTV) from an image's thread-local module number to its block.  Where
 * the table stands in a thread's descriptor is internal to glibc, and the same since 2.3.  It is to
 * be tried on the calling thread first, whose blocks the dynamic linker tells.
 *
 * @thread any  @tstate any
 * Follows: Drepper, "ELF Handling For Thread-Local Storage", 3; glibc sysdeps/x86_64/nptl/tls.h
 */
#ifndef RELOAD_MEMORY_TLS_H
#define RELOAD_MEMORY_TLS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether tls_block() finds the blocks of the calling thread where the dynamic linker has them: if
 *  not, it must not be asked.  Ask once for many threads: all images are gone through. */
bool tls_is_readable(void);

/**
 * A living thread's block of an image.
 * @return 0: the thread has not used one of these variables yet, or its block cannot be found
 */
uintptr_t tls_block(pthread_t thread, size_t module);

#endif
