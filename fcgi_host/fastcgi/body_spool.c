#include "fcgi_host/fastcgi/body_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPOOL_START_BYTES = 64 * 1024 };

void body_spool_init(struct body_spool *spool) {
    memset(spool, 0, sizeof *spool);
    spool->fd = -1;
}

void body_spool_clear(struct body_spool *spool) {
    free(spool->memory);
    if (spool->fd >= 0) {
        close(spool->fd);
    }
    body_spool_init(spool);
}

bool body_spool_is_empty(const struct body_spool *spool) {
    return spool->begin == spool->end;
}

uint64_t body_spool_room(const struct body_spool *spool) {
    return SPOOL_MAX_BYTES - spool->end;
}

/* A file without a name: O_TMPFILE or, where the file system lacks that, made and unlinked. */
static int open_nameless(struct error *err) {
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder) {
        folder = "/tmp";
    }
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        char path[4096];
        if (snprintf(path, sizeof path, "%s/fcgi_host.XXXXXX", folder) < (int)sizeof path) {
            fd = mkostemp(path, O_CLOEXEC);
        }
        if (fd >= 0) {
            unlink(path);
        }
    }
    if (fd < 0) {
        return error_set_errno(err, errno, "temporary file for a request body in %s", folder);
    }
    return fd;
}

static int write_file(int fd, const uint8_t *bytes, size_t size, uint64_t offset,
                      struct error *err) {
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_set_errno(err, errno, "temporary file for a request body");
        }
        bytes += n;
        size -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static int grow_memory(struct body_spool *spool, size_t needed, struct error *err) {
    size_t capacity = spool->memory_capacity ? spool->memory_capacity : SPOOL_START_BYTES;
    while (capacity < needed) {
        capacity *= 2;
    }
    uint8_t *memory = realloc(spool->memory, capacity);
    if (!memory) {
        return error_set(err, ERR_MEMORY, "out of memory for a request body");
    }
    spool->memory = memory;
    spool->memory_capacity = capacity;
    return 0;
}

static int move_to_file(struct body_spool *spool, struct error *err) {
    int fd = open_nameless(err);
    if (fd < 0 || write_file(fd, spool->memory, (size_t)spool->end, 0, err) < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    spool->fd = fd;
    free(spool->memory);
    spool->memory = NULL;
    spool->memory_capacity = 0;
    return 0;
}

int body_spool_write(struct body_spool *spool, const void *bytes, size_t size, struct error *err) {
    if (size == 0) {
        return 0;
    }
    if (spool->fd < 0 && spool->end + size > SPOOL_MEMORY_BYTES) {
        if (move_to_file(spool, err) < 0) {
            return -1;
        }
    }
    if (spool->fd >= 0) {
        if (write_file(spool->fd, bytes, size, spool->end, err) < 0) {
            return -1;
        }
    } else {
        size_t needed = (size_t)spool->end + size;
        if (needed > spool->memory_capacity && grow_memory(spool, needed, err) < 0) {
            return -1;
        }
        memcpy(spool->memory + spool->end, bytes, size);
    }
    spool->end += size;
    return 0;
}

ssize_t body_spool_read(struct body_spool *spool, void *buffer, size_t size, struct error *err) {
    uint64_t left = spool->end - spool->begin;
    size_t take = size < left ? size : (size_t)left;
    if (take == 0) {
        return 0;
    }
    if (spool->fd < 0) {
        memcpy(buffer, spool->memory + spool->begin, take);
    } else {
        ssize_t n;
        do {
            n = pread(spool->fd, buffer, take, (off_t)spool->begin);
        } while (n < 0 && errno == EINTR);
        if (n <= 0) {
            return error_set_errno(err, n < 0 ? errno : EIO, "temporary file for a request body");
        }
        take = (size_t)n;
    }
    spool->begin += take;
    if (spool->begin == spool->end) {
        body_spool_clear(spool);
    }
    return (ssize_t)take;
}
