/**
 * For files that define functions of the C library in the executable, where the dynamic linker
 * looks first, to see what extensions do with them.
 *
 * @thread any  @tstate any
 */
#ifndef RELOAD_MEMORY_STAND_IN_H
#define RELOAD_MEMORY_STAND_IN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A sanitizer has definitions of its own, which must not be hidden. */
#if defined(__has_feature)
#define STAND_IN_HAS_SANITIZER                                                                     \
    (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                        \
     __has_feature(memory_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STAND_IN_HAS_SANITIZER 1
#else
#define STAND_IN_HAS_SANITIZER 0
#endif

/** For the definitions: __attribute__((visibility)) of what extensions are to call. */
#define STAND_IN __attribute__((visibility("default")))

/** An address of a function that is looked up once. */
typedef _Atomic(uintptr_t) stand_in_address;

/** The next definition of a function: the C library's. */
uintptr_t stand_in_next(stand_in_address *next, const char *name);

/**
 * Whether code belongs to an image that was loaded after main() began: an extension, or what came
 * with one.  False for all before the program's constructors have run.
 */
bool stand_in_is_extension(const void *caller);

#endif
