/**
 * Whether this process has what it takes to make another interpreter.
 *
 * Py_NewInterpreter() of 3.11 aborts the process when it fails halfway, and it does without
 * descriptors (it cannot read `encodings` and `site`) and without memory.  So both are looked for
 * before.  Threads need no look: a generation's thread is made first, and its failure is harmless.
 *
 * @thread any  @tstate any: a few system calls, none of which waits
 */
#ifndef POOL_BASE_RESOURCES_H
#define POOL_BASE_RESOURCES_H

#include "pool/base/error.h"

enum {
    /**
     * Descriptors that must be free.  An import holds a folder, a .pth file and a module open at a
     * time, the check for stale extension state two libraries; the rest is for the requests that
     * are served meanwhile.
     */
    RESOURCES_DESCRIPTORS = 16,
    /** Address space that must be free: an interpreter takes 2 to 4 MiB, its application more. */
    RESOURCES_MEMORY_MB = 32,
};

/**
 * Look for free descriptors and memory.
 * @return 0, or -1: ERR_EXHAUSTED, the text says of what there is too little
 */
int resources_check(struct error *err);

#endif
