#include "pool/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void set_text(struct error *err, const char *format,
                                                           va_list args) {
    if (vsnprintf(err->text, sizeof err->text, format, args) < 0) {
        err->text[0] = '\0';
    }
}

int error_set(struct error *err, enum error_code code, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        err->sys_errno = 0;
        set_text(err, format, args);
        va_end(args);
    }
    return -1;
}

int error_set_errno(struct error *err, int sys_errno, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = ERR_SYSTEM;
        err->sys_errno = sys_errno;
        set_text(err, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        /* strerror_r() would speak the language that an application sets for its process. */
        const char *reason = strerrordesc_np(sys_errno);
        snprintf(err->text + used, sizeof err->text - used, ": %s",
                 reason ? reason : "unknown error");
    }
    return -1;
}

int error_prefix(struct error *err, const char *format, ...) {
    if (err) {
        char prefix[512];
        va_list args;
        va_start(args, format);
        int length = vsnprintf(prefix, sizeof prefix, format, args);
        va_end(args);
        if (length > 0) {
            size_t bytes = strnlen(prefix, sizeof prefix - 1);
            size_t room = sizeof err->text - bytes - 3;
            size_t kept = strnlen(err->text, room);
            memmove(err->text + bytes + 2, err->text, kept);
            memcpy(err->text, prefix, bytes);
            memcpy(err->text + bytes, ": ", 2);
            err->text[bytes + 2 + kept] = '\0';
        }
    }
    return -1;
}

bool error_is_in_use(const struct error *err) {
    return err->sys_errno == EADDRINUSE || err->sys_errno == EAGAIN;
}
