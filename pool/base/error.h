/**
 * Errors of the world (bad input, a system call, a Python exception): one struct, passed last.
 *
 * The function that fails fills it (what went wrong), each caller that returns it may prefix it
 * (where), and the function that stops returning it logs it, once.  Bugs are assert()ed instead.
 *
 * @thread any: a struct error belongs to its caller; nothing here is shared
 * @tstate none
 */
#ifndef POOL_BASE_ERROR_H
#define POOL_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/** What kind of failure; callers branch on this, people read the text. */
enum error_code {
    ERR_NONE = 0,
    ERR_SYSTEM,   /**< a system call failed with `sys_errno` */
    ERR_MEMORY,   /**< out of memory */
    ERR_USAGE,    /**< command line or configuration */
    ERR_PYTHON,   /**< a Python exception; the text holds its traceback */
    ERR_REFUSED,  /**< an extension module refuses sub-interpreters */
    ERR_FAILED,   /**< no generation can serve: the application did not load */
    ERR_BUSY,     /**< a queue or a limit is full */
    ERR_TIMEOUT,  /**< a deadline passed */
    ERR_CLOSED,   /**< the other side has gone, or the object was closed */
    ERR_PROTOCOL, /**< bytes that the FastCGI specification does not allow */
    ERR_NOT_FOUND,
    ERR_COLD,      /**< what was prepared for this does not fit: begin without it */
    ERR_EXHAUSTED, /**< this process has too little left of something; a fresh one has it */
};

/** Long enough for a traceback's end; longer text is cut at its end. */
enum { ERROR_TEXT_BYTES = 8192 };

struct error {
    enum error_code code;
    int sys_errno; /**< errno of ERR_SYSTEM, or of the OSError behind ERR_PYTHON if known; else 0 */
    char text[ERROR_TEXT_BYTES];
};

/** Fill `err`, unless it is NULL. @return -1, so that callers can `return error_set(…)` */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Like error_set() with ERR_SYSTEM, errno and its message appended. @return -1 */
int error_set_errno(struct error *err, int sys_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Whether it is about a port or a lock that is in use. @param err  not NULL */
bool error_is_in_use(const struct error *err);

/** Put "prefix: " before the text that is there. @return -1 */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
