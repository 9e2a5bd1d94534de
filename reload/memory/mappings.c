#include "reload/memory/mappings.h"

#include <pthread.h>
#include <string.h>

#include "reload/memory/stand_in.h"

/** Guards what follows.  Leaf lock. */
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mapping s_mappings[MAPPINGS_MAX];
static size_t s_count;

size_t mappings_copy(struct mapping ret_mappings[MAPPINGS_MAX]) {
    pthread_mutex_lock(&s_lock);
    size_t count = s_count;
    memcpy(ret_mappings, s_mappings, count * sizeof *s_mappings);
    pthread_mutex_unlock(&s_lock);
    return count;
}

#if !STAND_IN_HAS_SANITIZER

/* The C library's header would have its declarations by another name (mmap64). */
#include <sys/mman.h>

typedef void *mmap_function(void *address, size_t bytes, int protection, int flags, int fd,
                            off_t offset);
typedef int munmap_function(void *address, size_t bytes);

static void note(uintptr_t start, size_t bytes, const void *caller) {
    pthread_mutex_lock(&s_lock);
    if (s_count < MAPPINGS_MAX) {
        s_mappings[s_count++] = (struct mapping){start, bytes, (uintptr_t)caller};
    }
    pthread_mutex_unlock(&s_lock);
}

/** A mapping of which a part is unmapped goes as a whole: what is left is read with care. */
static void forget(uintptr_t start, size_t bytes) {
    pthread_mutex_lock(&s_lock);
    for (size_t i = 0; i < s_count;) {
        const struct mapping *mapping = &s_mappings[i];
        if (mapping->start >= start && mapping->start - start < bytes) {
            s_mappings[i] = s_mappings[--s_count];
        } else {
            i++;
        }
    }
    pthread_mutex_unlock(&s_lock);
}

STAND_IN void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset) {
    static stand_in_address s_next;
    mmap_function *next = (mmap_function *)stand_in_next(&s_next, "mmap");
    void *mapped = next(address, bytes, protection, flags, fd, offset);
    const int wanted = MAP_PRIVATE | MAP_ANONYMOUS;
    if (mapped != MAP_FAILED && (protection & PROT_WRITE) && (flags & wanted) == wanted &&
        bytes <= MAPPING_BYTES_MAX && stand_in_is_extension(__builtin_return_address(0))) {
        note((uintptr_t)mapped, bytes, __builtin_return_address(0));
    }
    return mapped;
}

STAND_IN void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
    __attribute__((alias("mmap")));

STAND_IN int munmap(void *address, size_t bytes) {
    static stand_in_address s_next;
    munmap_function *next = (munmap_function *)stand_in_next(&s_next, "munmap");
    if (s_count > 0) { /* before, since the address may be given out again at once */
        forget((uintptr_t)address, bytes);
    }
    return next(address, bytes);
}

#endif
