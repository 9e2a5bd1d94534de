/**
 * Memory that extensions allocate starts as zeros.
 *
 * What malloc() returns has the contents of its last use.  An extension that has room for a hundred
 * pointers and has written three would seem to hold whatever stood there before.  So this file
 * defines malloc() and realloc() in the executable, where the dynamic linker looks first: for
 * callers in images that were loaded after main() began they clear the block, up to
 * UNWRITTEN_BYTES_MAX.  So they do for CPython and the rest of the program, which allocate locks
 * for extensions, when a block is small; of a larger one only what lies behind the bytes asked for.
 * PyMem_Malloc(), PyMem_RawMalloc() and PyObject_Malloc() do the same for extensions.
 * Not caught: other allocating functions, what PyMem_Realloc() adds to a block, and what an
 * extension has written and no longer uses. With a sanitizer, which has an allocator of its own,
 * this does nothing.
 *
 * @thread any  @tstate any
 */
#ifndef RELOAD_MEMORY_UNWRITTEN_H
#define RELOAD_MEMORY_UNWRITTEN_H

/** Larger blocks are buffers; they come from the kernel for the most part, as zeros. */
enum { UNWRITTEN_BYTES_MAX = 64 << 10 };
/** What is cleared whoever asks: a lock is of 32 bytes (sem_t), of which half is written. */
enum { UNWRITTEN_BYTES_SMALL = 64 };

#endif
