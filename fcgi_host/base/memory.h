/**
 * How much memory processes use.
 *
 * Follows: proc(5), /proc/pid/statm.
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_BASE_MEMORY_H
#define FCGI_HOST_BASE_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

/** Resident memory of this process, in bytes; 0 when the kernel does not tell. */
uint64_t memory_resident_bytes(void);

/** What of a process is in memory, in bytes. */
struct memory_use {
    uint64_t resident_bytes;
    /** Of these, what no file backs: not libraries, which other programs have, too.  (What a
     * process
     *  shares with the one that it was forked from is in it.) */
    uint64_t anonymous_bytes;
};
/** Of any process; 0 when the kernel does not tell. Cheap: the kernel keeps these numbers. */
struct memory_use memory_use_of(pid_t pid);

#endif
