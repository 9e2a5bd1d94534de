#include "reload/memory/safe_read.h"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

bool safe_read(uintptr_t address, void *ret_buffer, size_t bytes) {
    struct iovec local = {ret_buffer, bytes}, remote = {(void *)address, bytes};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

void safe_read_each(const uintptr_t *addresses, size_t count, void *ret_buffers, size_t bytes,
                    bool *ret_read) {
    struct iovec local[SAFE_READ_MAX], remote[SAFE_READ_MAX];
    for (size_t i = 0; i < count; i++) {
        local[i] = (struct iovec){(char *)ret_buffers + i * bytes, bytes};
        remote[i] = (struct iovec){(void *)addresses[i], bytes};
    }
    for (size_t i = 0; i < count; i++) { /* the call stops at the first that cannot be read */
        ssize_t done = process_vm_readv(getpid(), &local[i], count - i, &remote[i], count - i, 0);
        for (; done >= (ssize_t)bytes; done -= (ssize_t)bytes) {
            ret_read[i++] = true;
        }
        if (i < count) {
            ret_read[i] = false;
        }
    }
}

/* glibc malloc/malloc.c, struct malloc_chunk: the word before a block is its chunk's size, the
 * low bits are flags; the word before the next block says whether this one is in use. */
enum { CHUNK_PREV_IN_USE = 1, CHUNK_MMAPPED = 2, CHUNK_FLAGS = 7 };
/** Larger blocks are buffers, not tables of pointers that a module keeps. */
enum { BLOCK_BYTES_MAX = 1 << 20 };

static bool is_chunk_size(uintptr_t size) {
    size &= ~(uintptr_t)CHUNK_FLAGS;
    return size >= 32 && size <= BLOCK_BYTES_MAX && size % 16 == 0;
}

static size_t malloc_block_bytes(uintptr_t address) {
    uintptr_t size, next;
    if (!safe_read(address - sizeof size, &size, sizeof size) || !is_chunk_size(size)) {
        return 0;
    }
    uintptr_t bytes = size & ~(uintptr_t)CHUNK_FLAGS;
    if (size & CHUNK_MMAPPED) {
        return bytes - 16;
    }
    if (!safe_read(address - sizeof size + bytes, &next, sizeof next) ||
        !(next & CHUNK_PREV_IN_USE) || (next & ~(uintptr_t)CHUNK_FLAGS) < 32 || next & 8) {
        return 0;
    }
    return bytes - 8;
}

/* CPython Objects/obmalloc.c (3.11), Include/internal/pycore_obmalloc.h (3.12): a pool is 16 KiB,
 * aligned, starts with this header, and is cut into blocks of one size. */
struct pymalloc_pool {
    uint32_t used, padding;
    uintptr_t free_block, next_pool, previous_pool;
    uint32_t arena_index, size_class, next_offset, last_offset;
};
enum { POOL_BYTES = 1 << 14, POOL_HEADER_BYTES = 48, SIZE_CLASSES = 32, SIZE_CLASS_BYTES = 16 };

static size_t pymalloc_block_bytes(uintptr_t address) {
    _Static_assert(sizeof(struct pymalloc_pool) == POOL_HEADER_BYTES, "CPython's struct");
    uintptr_t start = address & ~(uintptr_t)(POOL_BYTES - 1);
    struct pymalloc_pool pool;
    if (address - start < POOL_HEADER_BYTES || !safe_read(start, &pool, sizeof pool) ||
        pool.size_class >= SIZE_CLASSES) {
        return 0;
    }
    size_t bytes = (pool.size_class + 1) * SIZE_CLASS_BYTES;
    bool is_pool = pool.used > 0 && pool.used <= (POOL_BYTES - POOL_HEADER_BYTES) / bytes &&
                   pool.arena_index < 1 << 20 && pool.last_offset == POOL_BYTES - bytes &&
                   pool.next_offset <= POOL_BYTES + bytes &&
                   (pool.free_block == 0 || pool.free_block - start < POOL_BYTES);
    return is_pool && (address - start - POOL_HEADER_BYTES) % bytes == 0 ? bytes : 0;
}

size_t heap_block_bytes(uintptr_t address) {
    if (address % 16 != 0 || address < 1 << 16) {
        return 0;
    }
    size_t bytes = pymalloc_block_bytes(address);
    return bytes ? bytes : malloc_block_bytes(address);
}

/* proc(5): 64 bits for each page; bit 63: in memory, bit 62: swapped out. */
static const uint64_t PAGE_THERE = (uint64_t)3 << 62;

bool touched_pages(uintptr_t start, size_t page_count, bool *ret_touched) {
    uint64_t entries[512];
    uintptr_t page = start / (uintptr_t)sysconf(_SC_PAGESIZE);
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0;
    for (size_t done = 0; ok && done < page_count;) {
        size_t batch = page_count - done < 512 ? page_count - done : 512;
        ok = pread(fd, entries, batch * sizeof *entries,
                   (off_t)((page + done) * sizeof *entries)) == (ssize_t)(batch * sizeof *entries);
        for (size_t i = 0; ok && i < batch; i++) {
            ret_touched[done++] = (entries[i] & PAGE_THERE) != 0;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}
