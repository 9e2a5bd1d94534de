#include "pool/base/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int check_memory(struct error *err) {
    const size_t bytes = (size_t)RESOURCES_MEMORY_MB << 20;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return error_set(err, ERR_EXHAUSTED, "too little memory is left: %d MiB are not to be had",
                         RESOURCES_MEMORY_MB);
    }
    munmap(memory, bytes);
    return 0;
}

static int explain_descriptors(int failure, int free_count, struct error *err) {
    struct rlimit limit;
    if (failure == EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        return error_set(err, ERR_EXHAUSTED,
                         "too few descriptors are left: %d of %llu (RLIMIT_NOFILE), %d are needed",
                         free_count, (unsigned long long)limit.rlim_cur, RESOURCES_DESCRIPTORS);
    }
    error_set_errno(err, failure, "too few descriptors are left");
    if (err) {
        err->code = ERR_EXHAUSTED;
    }
    return -1;
}

/** They are taken and given back: counting open ones would miss the limit of the whole system. */
static int check_descriptors(struct error *err) {
    int fds[RESOURCES_DESCRIPTORS];
    int count = 0, failure = 0;
    while (count < RESOURCES_DESCRIPTORS && !failure) {
        int fd = count == 0 ? eventfd(0, EFD_CLOEXEC) : fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
        if (fd >= 0) {
            fds[count++] = fd;
        } else {
            failure = errno;
        }
    }
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
    return failure ? explain_descriptors(failure, count, err) : 0;
}

int resources_check(struct error *err) {
    return check_descriptors(err) || check_memory(err) ? -1 : 0;
}
