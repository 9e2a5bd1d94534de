#include "reload/memory/safe_read.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pool/base/apart.h"

enum { KEPT_PAGE_BYTES = 4096, KEPT_PAGES = 256 };

/** Pages that were read, each in the place that its number gives; start 0: none. */
struct kept {
    uintptr_t starts[KEPT_PAGES];
    bool is_readable[KEPT_PAGES];
    unsigned char bytes[KEPT_PAGES][KEPT_PAGE_BYTES];
};

static _Thread_local struct kept *s_kept;

void safe_read_keep(void) {
    s_kept = s_kept ? s_kept : apart_calloc(1, sizeof *s_kept);
}

void safe_read_forget(void) {
    apart_free(s_kept);
    s_kept = NULL;
}

static bool ask_kernel(uintptr_t address, void *ret_buffer, size_t bytes) {
    struct iovec local = {ret_buffer, bytes}, remote = {(void *)address, bytes};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

/** Copy bytes that are all in one page. */
static bool read_kept(uintptr_t address, void *ret_buffer, size_t bytes) {
    uintptr_t offset = address % KEPT_PAGE_BYTES, start = address - offset;
    size_t place = start / KEPT_PAGE_BYTES % KEPT_PAGES;
    if (s_kept->starts[place] != start) {
        s_kept->starts[place] = start;
        s_kept->is_readable[place] = ask_kernel(start, s_kept->bytes[place], KEPT_PAGE_BYTES);
    }
    if (s_kept->is_readable[place]) {
        memcpy(ret_buffer, s_kept->bytes[place] + offset, bytes);
    }
    return s_kept->is_readable[place];
}

bool safe_read(uintptr_t address, void *ret_buffer, size_t bytes) {
    if (!s_kept || address < KEPT_PAGE_BYTES || bytes > UINTPTR_MAX - address) {
        return ask_kernel(address, ret_buffer, bytes);
    }
    for (size_t done = 0; done < bytes;) {
        size_t left = KEPT_PAGE_BYTES - (address + done) % KEPT_PAGE_BYTES;
        size_t part = bytes - done < left ? bytes - done : left;
        if (!read_kept(address + done, (char *)ret_buffer + done, part)) {
            return false;
        }
        done += part;
    }
    return true;
}

/** Few addresses are as well read one by one, from pages that are kept. */
enum { FEW = 4 };

void safe_read_each(const uintptr_t *addresses, size_t count, void *ret_buffers, size_t bytes,
                    bool *ret_read) {
    struct iovec local[SAFE_READ_MAX], remote[SAFE_READ_MAX];
    if (s_kept && count <= FEW) {
        for (size_t i = 0; i < count; i++) {
            ret_read[i] = safe_read(addresses[i], (char *)ret_buffers + i * bytes, bytes);
        }
        return;
    }
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

/* proc(5): 64 bits for each page; bit 63: in memory, bit 62: swapped out. */
static const uint64_t PAGE_THERE = (uint64_t)3 << 62;

bool safe_read_touched(uintptr_t start, size_t page_count, bool *ret_touched) {
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
