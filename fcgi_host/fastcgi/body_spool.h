/**
 * Body bytes that arrived while the application was not reading (it was blocked writing): kept in
 * memory, beyond 1 MiB in a temporary file that has no name.
 *
 * @thread one at a time: the connection's owner (connection.h)
 * @tstate none (a file may be written and read: prefer detached)
 */
#ifndef FCGI_HOST_FASTCGI_BODY_SPOOL_H
#define FCGI_HOST_FASTCGI_BODY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pool/base/error.h"

enum {
    SPOOL_MEMORY_BYTES = 1 << 20,
};
/** A spool takes no more bytes than these, so that one peer cannot fill the disk. */
#define SPOOL_MAX_BYTES ((uint64_t)1 << 30)

/** All zero is an empty spool, but for `fd` -1: body_spool_init(). */
struct body_spool {
    uint8_t *memory;
    size_t memory_capacity;
    int fd;         /**< -1: all is in memory */
    uint64_t begin; /**< read so far */
    uint64_t end;   /**< written so far */
};

void body_spool_init(struct body_spool *spool);
/** Forget everything and give memory and file back; usable again. */
void body_spool_clear(struct body_spool *spool);
bool body_spool_is_empty(const struct body_spool *spool);
/** Bytes that may still be written. */
uint64_t body_spool_room(const struct body_spool *spool);
/** Errors: ERR_MEMORY, ERR_SYSTEM (no temporary file, disk full) */
int body_spool_write(struct body_spool *spool, const void *bytes, size_t size, struct error *err);
/** @return bytes read, 0 when empty, -1 ERR_SYSTEM */
ssize_t body_spool_read(struct body_spool *spool, void *buffer, size_t size, struct error *err);

#endif
