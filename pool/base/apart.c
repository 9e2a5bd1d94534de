#include "pool/base/apart.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/** In front of the array. */
struct header {
    _Alignas(64) size_t mapped_bytes;
};

/** Arrays that were given back and are used again: to have one from the kernel costs a page fault
 *  for each page, at every check. */
enum { KEPT = 16, KEPT_BYTES_MAX = 256 << 10 };
static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
static struct header *s_kept[KEPT];

static struct header *header_of(void *items) {
    return (struct header *)items - 1;
}

/** @return the smallest of those that are kept which is large enough; zeroed; or NULL */
static struct header *take_kept(size_t bytes) {
    struct header **best = NULL;
    pthread_mutex_lock(&s_lock);
    for (size_t i = 0; i < KEPT; i++) {
        if (s_kept[i] && s_kept[i]->mapped_bytes >= bytes &&
            (!best || s_kept[i]->mapped_bytes < (*best)->mapped_bytes)) {
            best = &s_kept[i];
        }
    }
    struct header *header = best ? *best : NULL;
    if (best) {
        *best = NULL;
    }
    pthread_mutex_unlock(&s_lock);
    if (header) {
        memset(header + 1, 0, header->mapped_bytes - sizeof *header);
    }
    return header;
}

/** @return whether it was taken */
static bool keep(struct header *header) {
    bool is_kept = false;
    pthread_mutex_lock(&s_lock);
    for (size_t i = 0; i < KEPT && !is_kept; i++) {
        if (!s_kept[i] && header->mapped_bytes <= KEPT_BYTES_MAX) {
            s_kept[i] = header;
            is_kept = true;
        }
    }
    pthread_mutex_unlock(&s_lock);
    return is_kept;
}

/** @return NULL: out of memory */
static struct header *map(size_t bytes) {
    struct header *header = take_kept(bytes);
    if (!header) {
        header = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (header == MAP_FAILED) {
            return NULL;
        }
        header->mapped_bytes = bytes;
    }
    return header;
}

/** @return NULL: out of memory, it is as it was */
static struct header *map_more(struct header *header, size_t bytes) {
    void *memory = mremap(header, header->mapped_bytes, bytes, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    header = memory;
    header->mapped_bytes = bytes;
    return header;
}

void *apart_realloc(void *items, size_t bytes) {
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (bytes > SIZE_MAX - sizeof(struct header) - page_bytes) {
        return NULL;
    }
    size_t mapped = (sizeof(struct header) + bytes + page_bytes - 1) / page_bytes * page_bytes;
    if (items && header_of(items)->mapped_bytes >= mapped) {
        return items;
    }
    struct header *header = items ? map_more(header_of(items), mapped) : map(mapped);
    return header ? header + 1 : NULL;
}

void *apart_calloc(size_t count, size_t bytes) {
    return bytes && count > SIZE_MAX / bytes ? NULL : apart_realloc(NULL, count * bytes);
}

void apart_free(void *items) {
    if (items && !keep(header_of(items))) {
        munmap(header_of(items), header_of(items)->mapped_bytes);
    }
}
