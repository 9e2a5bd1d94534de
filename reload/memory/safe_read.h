/**
 * Reading memory of this process that may not be there.
 *
 * A word that looks like a pointer may be a number, or point at memory that another thread is just
 * giving back: the kernel copies it for us and says EFAULT instead of raising a signal.
 *
 * @thread any  @tstate any
 * Follows: process_vm_readv(2), proc(5) "/proc/pid/pagemap"
 */
#ifndef RELOAD_MEMORY_SAFE_READ_H
#define RELOAD_MEMORY_SAFE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Copy `bytes` from an address. @return whether all of them could be read */
bool safe_read(uintptr_t address, void *ret_buffer, size_t bytes);

/**
 * From now on what the calling thread reads is kept, a page at a time, and not asked of the kernel
 * again: what is looked at must not change meanwhile.  Blocks in the heap stand side by side, and a
 * system call for each word of them takes a hundred times as long.  Without memory nothing is kept.
 */
void safe_read_keep(void);
/** Forget what was kept. */
void safe_read_forget(void);

/**
 * Copy `bytes` from each of several addresses, in few system calls.
 * @param[out] ret_buffers  `count` times `bytes`
 * @param[out] ret_read     whether all of them could be read, for each address
 */
void safe_read_each(const uintptr_t *addresses, size_t count, void *ret_buffers, size_t bytes,
                    bool *ret_read);
/** The most addresses that safe_read_each() takes. */
enum { SAFE_READ_MAX = 64 };

/**
 * Tell which pages of a mapped range were ever written (are in memory or swapped out), so that
 * scanning a large zeroed array does not bring it into memory.
 * @param[out] ret_touched  one for each page from the page of `start` on
 * @return false when the kernel does not tell
 */
bool safe_read_touched(uintptr_t start, size_t page_count, bool *ret_touched);

#endif
