#include "fcgi_host/worker/predecessor.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/file_bytes.h"
#include "fcgi_host/recycle/late_modules.h"
#include "fcgi_host/worker/applications.h"
#include "pool/base/clock.h"
#include "pool/base/thread.h"

enum {
    /** For the old worker to describe its modules: it may be busy, or hang. */
    TELL_TIMEOUT_MS = 5000,
    READ_BYTES = 65536,
};

/** Of one application; followed by its name and by the description. */
struct record {
    uint32_t name_bytes;
    uint32_t modules_bytes;
};

/* ---- The old worker ---- */

struct told {
    const struct application *application;
    struct generation *generation; /**< held */
};

struct telling {
    int fd;
    size_t count;
    struct told told[];
};

/** @return whether somebody reads it */
static bool tell_one(int fd, const struct told *told) {
    struct wsgi_modules modules;
    const char *name = told->application->config->name;
    if (late_modules_describe(told->generation, &modules, NULL) != 0) {
        return true;
    }
    const struct record record = {(uint32_t)strlen(name), (uint32_t)modules.size};
    bool is_read = file_bytes_write(fd, &record, sizeof record) == 0 &&
                   file_bytes_write(fd, name, record.name_bytes) == 0 &&
                   file_bytes_write(fd, modules.bytes, modules.size) == 0;
    free(modules.bytes);
    return is_read;
}

static void *tell(void *arg) {
    struct telling *telling = arg;
    bool is_read = true;
    for (size_t i = 0; i < telling->count; i++) {
        is_read = is_read && tell_one(telling->fd, &telling->told[i]);
        generation_let_go(telling->told[i].generation);
    }
    close(telling->fd);
    free(telling);
    return NULL;
}

void predecessor_tell(const struct applications *applications, int fd) {
    size_t most = applications->app_count;
    struct telling *telling =
        fd >= 0 ? calloc(1, sizeof *telling + most * sizeof *telling->told) : NULL;
    if (!telling) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    telling->fd = fd;
    for (size_t i = 0; i < applications->site->app_count; i++) {
        const struct application *application = applications_at(applications, i);
        struct generation *generation =
            application && application->pool_app
                ? pool_hold_current(pool_app_interpreter(application->pool_app))
                : NULL;
        if (generation) {
            telling->told[telling->count++] = (struct told){application, generation};
        }
    }
    if (thread_start(tell, telling, "modules", NULL) != 0) {
        for (size_t i = 0; i < telling->count; i++) {
            generation_let_go(telling->told[i].generation);
        }
        close(fd);
        free(telling);
    }
}

/* ---- The new worker ---- */

void predecessor_init(struct predecessor *predecessor, int fd) {
    *predecessor = (struct predecessor){.fd = fd};
    pthread_mutex_init(&predecessor->lock, NULL);
}

/** @return whether more may come */
static bool read_some_locked(struct predecessor *predecessor, const struct timespec *deadline) {
    struct pollfd wanted = {.fd = predecessor->fd, .events = POLLIN};
    int left_ms = (int)((clock_left_ns(deadline) + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
    int ready = poll(&wanted, 1, left_ms);
    if (ready <= 0) {
        return ready < 0 && errno == EINTR;
    }
    char *grown = realloc(predecessor->bytes, predecessor->size + READ_BYTES);
    if (!grown) {
        return false;
    }
    predecessor->bytes = grown;
    ssize_t count = read(predecessor->fd, grown + predecessor->size, READ_BYTES);
    predecessor->size += count > 0 ? (size_t)count : 0;
    return count > 0 || (count < 0 && errno == EINTR);
}

static void read_all(struct predecessor *predecessor) {
    struct timespec deadline = clock_deadline(TELL_TIMEOUT_MS);
    pthread_mutex_lock(&predecessor->lock);
    if (predecessor->fd >= 0) {
        while (read_some_locked(predecessor, &deadline)) {
        }
        close(predecessor->fd);
        predecessor->fd = -1;
    }
    pthread_mutex_unlock(&predecessor->lock);
}

static bool has_application(const struct pool_interpreter *interpreter, const char *name,
                            size_t name_bytes) {
    for (size_t i = 0; i < pool_interpreter_app_count(interpreter); i++) {
        const char *own = pool_app_name(pool_interpreter_app(interpreter, i));
        if (strlen(own) == name_bytes && memcmp(own, name, name_bytes) == 0) {
            return true;
        }
    }
    return false;
}

int predecessor_check(struct predecessor *predecessor, struct generation *generation,
                      unsigned timeout_ms, struct error *err) {
    read_all(predecessor);
    const struct pool_interpreter *interpreter = generation_interpreter(generation);
    const char *at = predecessor->bytes;
    size_t left = predecessor->size;
    struct record record;
    while (left >= sizeof record) {
        memcpy(&record, at, sizeof record);
        size_t size = (size_t)record.name_bytes + record.modules_bytes;
        if (left - sizeof record < size) {
            break; /* the old worker has died while it wrote */
        }
        char *name = (char *)at + sizeof record;
        const struct wsgi_modules modules = {name + record.name_bytes, record.modules_bytes};
        if (has_application(interpreter, name, record.name_bytes) &&
            late_modules_import(generation, &modules, timeout_ms, err) != 0) {
            return -1;
        }
        at += sizeof record + size;
        left -= sizeof record + size;
    }
    return 0;
}
