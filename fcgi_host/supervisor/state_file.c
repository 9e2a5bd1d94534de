#include "fcgi_host/supervisor/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/file_bytes.h"

static int open_folder(const char *folder, struct error *err) {
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : error_set_errno(err, errno, "%s", folder);
}

int state_file_prepare(const char *folder, struct error *err) {
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        return error_set_errno(err, errno, "%s cannot be made", folder);
    }
    int fd = open_folder(folder, err);
    if (fd < 0) {
        return -1;
    }
    int failed = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS);
    if (failed) {
        error_set_errno(err, errno, "%s cannot be written", folder);
    }
    close(fd);
    return failed;
}

/* ---- Reading ---- */

/** Open a file that may be anything. @return a descriptor, -1 with *err, or -2: there is none */
static int open_foreign(const char *folder, const char *name, struct error *err) {
    int folder_fd = open_folder(folder, err);
    if (folder_fd < 0) {
        return err->sys_errno == ENOENT ? -2 : -1;
    }
    /* Without O_NONBLOCK a FIFO would wait for its writer. */
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int failure = errno;
    close(folder_fd);
    if (fd >= 0) {
        return fd;
    }
    if (failure == ENOENT) {
        return -2;
    }
    error_set_errno(err, failure, "%s/%s", folder, name);
    if (failure == ELOOP || failure == EACCES || failure == ENXIO) {
        err->code = ERR_PROTOCOL;
    }
    return -1;
}

/** @return 0, or -1: ERR_PROTOCOL, ERR_SYSTEM */
static int check_foreign(int fd, size_t most, size_t *ret_bytes, struct error *err) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return error_set_errno(err, errno, "fstat");
    }
    if (!S_ISREG(status.st_mode)) {
        return error_set(err, ERR_PROTOCOL, "it is not a plain file");
    }
    if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH))) {
        return error_set(err, ERR_PROTOCOL, "another user can have written it");
    }
    if (status.st_size < 0 || (uint64_t)status.st_size > most) {
        return error_set(err, ERR_PROTOCOL, "it has more than %zu bytes", most);
    }
    *ret_bytes = (size_t)status.st_size;
    return 0;
}

int state_file_read(const char *folder, const char *name, size_t most, char **ret_text,
                    size_t *ret_bytes, struct error *err) {
    size_t bytes = 0;
    char *text = NULL;
    *ret_text = NULL;
    *ret_bytes = 0;
    int fd = open_foreign(folder, name, err);
    if (fd == -2) {
        return 0;
    }
    if (fd < 0) {
        return -1;
    }
    if (check_foreign(fd, most, &bytes, err) == 0) {
        text = file_bytes_read(fd, bytes, err);
    }
    close(fd);
    if (!text) {
        return error_prefix(err, "%s/%s", folder, name);
    }
    *ret_text = text;
    *ret_bytes = bytes;
    return 0;
}

/* ---- Writing ---- */

/** A new file, by which nobody else's is touched. @return a descriptor, or -1 with errno */
static int make_file(int folder_fd, const char *name) {
    enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
    return openat(folder_fd, name, FLAGS, 0600);
}

int state_file_write(const char *folder, const char *name, const char *text, size_t bytes,
                     struct error *err) {
    char beside[NAME_MAX + 1];
    int folder_fd = open_folder(folder, err);
    if (folder_fd < 0) {
        return -1;
    }
    uint64_t random = 0; /* processes of several containers may have one number */
    ssize_t ignored = getrandom(&random, sizeof random, 0);
    (void)ignored;
    snprintf(beside, sizeof beside, ".%s.%ld.%016llx", name, (long)getpid(),
             (unsigned long long)random);
    int fd = make_file(folder_fd, beside);
    bool is_written = fd >= 0 && file_bytes_write(fd, text, bytes) == 0 && fsync(fd) == 0;
    int failed = is_written ? renameat(folder_fd, beside, folder_fd, name) : -1;
    int failure = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (failed) {
        if (fd >= 0) {
            unlinkat(folder_fd, beside, 0);
        }
        error_set_errno(err, failure, "%s/%s cannot be written", folder, name);
    }
    close(folder_fd);
    return failed;
}

int state_file_set_aside(const char *folder, const char *name, struct error *err) {
    char bad[NAME_MAX + 1];
    int folder_fd = open_folder(folder, err);
    if (folder_fd < 0) {
        return -1;
    }
    snprintf(bad, sizeof bad, "%s.bad", name);
    int failed = renameat(folder_fd, name, folder_fd, bad);
    if (failed) {
        error_set_errno(err, errno, "%s/%s cannot be renamed", folder, name);
    }
    close(folder_fd);
    return failed;
}
