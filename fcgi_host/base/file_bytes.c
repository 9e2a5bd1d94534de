#include "fcgi_host/base/file_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int file_bytes_write(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno != EINTR) {
            return -1;
        }
        if (written > 0) {
            at += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

char *file_bytes_read(int fd, size_t size, struct error *err) {
    char *bytes = malloc(size + 1);
    if (!bytes) {
        error_set(err, ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(fd, bytes + done, size - done, (off_t)done);
        if (count <= 0) {
            error_set_errno(err, count < 0 ? errno : EIO, "reading");
            free(bytes);
            return NULL;
        }
        done += (size_t)count;
    }
    bytes[size] = '\0';
    return bytes;
}
