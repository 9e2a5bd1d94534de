/**
 * The control groups (version 1 or 2) that this process is in: its own, and those above it, whose
 * limits hold for it, too.
 *
 * Follows: cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_BASE_CONTROL_GROUP_H
#define FCGI_HOST_BASE_CONTROL_GROUP_H

#include <stdbool.h>
#include <stdint.h>

/** Where control groups are mounted, and which this process is in. */
#define CONTROL_GROUP_MOUNTS "/sys/fs/cgroup"
#define CONTROL_GROUP_OWN "/proc/self/cgroup"

/** Look at one group. @param folder  its files are there  @return whether to look no further up */
typedef bool control_group_function(void *ctx, const char *folder, bool is_v2);

/**
 * Look at the group of this process and those above it, the nearest first, in version 2 and in
 * version 1's hierarchy of a controller.
 * @param mounts      CONTROL_GROUP_MOUNTS
 * @param own         CONTROL_GROUP_OWN, or a file like it
 * @param controller  of version 1; NULL: version 2 only
 */
void control_group_walk(const char *mounts, const char *own, const char *controller,
                        control_group_function *look, void *ctx);

/** @return the number behind a word at the begin of a line of a file; 0: there is none */
uint64_t control_group_field(const char *path, const char *word);

#endif
