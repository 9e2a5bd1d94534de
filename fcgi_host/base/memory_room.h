/**
 * Whether the memory that this host may use has room for more, a worker or a spare: the limits of
 * its control group and of those above it.
 *
 * Follows: memory.max and memory.current (cgroup v2), memory.limit_in_bytes and
 * memory.usage_in_bytes (v1), of the kernel's Documentation; proc_pid_smaps_rollup(5).
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_BASE_MEMORY_ROOM_H
#define FCGI_HOST_BASE_MEMORY_ROOM_H

#include <stdint.h>
#include <sys/types.h>

/**
 * @param mounts, own  as for control_group_walk()
 * @return the bytes that are left below the tightest limit, what the kernel can take back (page
 *         cache that is not in use) included; UINT64_MAX: there is no limit, or none that can be read
 */
uint64_t memory_room_bytes(const char *mounts, const char *own);

/** @return the bytes that nobody shares with a process: what another one like it needs; 0: it
 *          cannot be read */
uint64_t memory_own_bytes(pid_t pid);

#endif
