#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "tests/unit/wsgi/fake_request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fake_request *fake_of(const struct request *request) {
    return (struct fake_request *)request;
}

/* Whether this thread is detached; assumed while other threads may be attached. */
static bool is_detached(const struct fake_request *fake) {
    if (fake->has_threads) {
        return true;
    }
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked() == NULL;
#else
    return _PyThreadState_UncheckedGet() == NULL;
#endif
}

/* request.h: one thread at a time. */
static void enter(struct fake_request *fake) {
    int users = atomic_fetch_add(&fake->users, 1);
    assert(users == 0 && fake->finishes == 0);
}

static void leave(struct fake_request *fake) {
    atomic_fetch_sub(&fake->users, 1);
}

void fake_request_init(struct fake_request *fake) {
    memset(fake, 0, sizeof *fake);
    fake->request.role = ROLE_RESPONDER;
    fake->request.content_length = -1;
    fake->close_after = -1;
    fake->end = -1;
    fake->quick = true;
    fake->keeps = true;
    sem_init(&fake->arrival, 0, 0);
}

void fake_request_clear(struct fake_request *fake) {
    for (size_t i = 0; i < fake->send_count; i++) {
        free(fake->sends[i].bytes);
    }
    for (size_t i = 0; i < fake->step_count; i++) {
        free(fake->steps[i].bytes);
    }
    free(fake->sends);
    free(fake->steps);
    free(fake->errors);
}

const struct param *request_param(const struct request *request, const char *name) {
    const struct param *found = NULL;
    for (size_t i = 0; i < request->param_count; i++) {
        const struct param *param = &request->params[i];
        if (param->name_bytes == strlen(name) && memcmp(param->name, name, strlen(name)) == 0) {
            found = param;
        }
    }
    return found;
}

static ssize_t read_step(struct fake_request *fake, void *buffer, size_t size, bool may_wait,
                         struct error *err) {
    assert(size > 0);
    while (fake->step < fake->step_count) {
        struct fake_step *step = &fake->steps[fake->step];
        if (step->kind == FAKE_CLOSED) {
            return error_set(err, ERR_CLOSED, "the web server closed the connection");
        }
        if (step->kind == FAKE_PROTOCOL) {
            return error_set(err, ERR_PROTOCOL, "a record of a type that does not belong here");
        }
        if ((step->kind == FAKE_BUSY || step->kind == FAKE_WAIT) && !may_wait) {
            return error_set(err, ERR_BUSY, "nothing there yet");
        }
        size_t left = step->size - fake->step_offset;
        if (step->kind == FAKE_BYTES && left > 0) {
            size_t count = left < size ? left : size;
            memcpy(buffer, step->bytes + fake->step_offset, count);
            fake->step_offset += count;
            return (ssize_t)count;
        }
        if (step->kind == FAKE_WAIT) {
            sem_wait(&fake->arrival);
        }
        fake->step++;
        fake->step_offset = 0;
    }
    fake->body_has_ended = true;
    return 0;
}

ssize_t request_read_ready(struct request *request, void *buffer, size_t size, struct error *err) {
    enter(fake_of(request));
    ssize_t count = read_step(fake_of(request), buffer, size, false, err);
    leave(fake_of(request));
    return count;
}

ssize_t request_read(struct request *request, void *buffer, size_t size, struct error *err) {
    assert(is_detached(fake_of(request)));
    enter(fake_of(request));
    ssize_t count = read_step(fake_of(request), buffer, size, true, err);
    leave(fake_of(request));
    return count;
}

static void keep_send(struct fake_request *fake, const struct iovec *parts, int count,
                      unsigned flags) {
    enter(fake);
    assert(!fake->has_last);
    fake->has_last = flags & SEND_LAST;
    if (!fake->keeps) {
        leave(fake);
        return;
    }
    fake->sends = realloc(fake->sends, (fake->send_count + 1) * sizeof *fake->sends);
    struct fake_send *send = &fake->sends[fake->send_count++];
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    send->bytes = malloc(size + 1);
    send->size = 0;
    send->flags = flags;
    send->is_file = false;
    for (int i = 0; i < count; i++) {
        memcpy(send->bytes + send->size, parts[i].iov_base, parts[i].iov_len);
        send->size += parts[i].iov_len;
    }
    leave(fake);
}

int request_send(struct request *request, const struct iovec *parts, int part_count, unsigned flags,
                 struct error *err) {
    struct fake_request *fake = fake_of(request);
    if (fake->aborted || (fake->close_after >= 0 && (long)fake->send_count >= fake->close_after)) {
        return error_set(err, ERR_CLOSED, "the web server has gone");
    }
    if (fake->waits) {
        assert(fake->waiting_count == 0);
        memcpy(fake->waiting, parts, (size_t)part_count * sizeof *parts);
        fake->waiting_count = part_count;
        fake->waiting_flags = flags;
        return 1;
    }
    keep_send(fake, parts, part_count, flags);
    return 0;
}

int request_flush(struct request *request, struct error *err) {
    struct fake_request *fake = fake_of(request);
    (void)err;
    assert(is_detached(fake));
    if (fake->waiting_count > 0 || fake->waiting_flags) {
        keep_send(fake, fake->waiting, fake->waiting_count, fake->waiting_flags);
        fake->waiting_count = 0;
        fake->waiting_flags = 0;
    }
    return 0;
}

int request_send_file(struct request *request, int fd, off_t offset, size_t length, unsigned flags,
                      struct error *err) {
    struct fake_request *fake = fake_of(request);
    assert(is_detached(fake));
    char *bytes = malloc(length + 1);
    ssize_t count = pread(fd, bytes, length, offset);
    if (count != (ssize_t)length) {
        free(bytes);
        return error_set(err, ERR_SYSTEM, "the file is shorter than it was");
    }
    keep_send(fake, &(struct iovec){bytes, length}, 1, flags);
    fake->sends[fake->send_count - 1].is_file = true;
    free(bytes);
    return 0;
}

int request_send_stderr(struct request *request, const void *text, size_t size, struct error *err) {
    struct fake_request *fake = fake_of(request);
    (void)err;
    assert(is_detached(fake) && !fake->has_last);
    enter(fake);
    fake->errors = realloc(fake->errors, fake->errors_size + size);
    memcpy(fake->errors + fake->errors_size, text, size);
    fake->errors_size += size;
    leave(fake);
    return 0;
}

bool request_is_aborted(struct request *request) {
    return fake_of(request)->aborted;
}

bool request_is_client_gone(struct request *request) {
    return fake_of(request)->aborted;
}

void request_finish(struct request *request, enum request_end end, uint32_t app_status) {
    struct fake_request *fake = fake_of(request);
    enter(fake);
    assert(app_status == 0);
    assert((fake->quick && end == REQUEST_COMPLETE) || is_detached(fake));
    assert(end != REQUEST_OVERLOADED || fake->send_count == 0);
    fake->end = (int)end;
    fake->finishes++;
    leave(fake);
}

bool request_finish_is_quick(const struct request *request) {
    return fake_of(request)->quick;
}
