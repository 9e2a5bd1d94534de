/**
 * The params of a request as slices into the reader's buffer, and what CONTENT_LENGTH says.
 *
 * Follows: FastCGI 1.0 §3.4, §5.2; RFC 3875 §4.1.2.
 * @thread as struct record_reader  @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_READER_PARAMS_H
#define FCGI_HOST_FASTCGI_READER_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/params.h"

enum {
    /** Pairs in one request; web servers limit header fields to some hundred. */
    READER_PARAMS_MAX = 2048,
};

struct reader_params {
    struct param *items; /**< malloc'ed; kept for the next request unless it is big */
    size_t count, capacity;
    int64_t content_length; /**< -1: absent, empty or "-1" */
    bool has_bad_length;    /**< CONTENT_LENGTH is not a number: to be answered 400 */
};

/** Make empty, without memory. */
void reader_params_init(struct reader_params *params);
void reader_params_destroy(struct reader_params *params);
/** Forget the request's params; the memory stays unless it is more than most requests need. */
void reader_params_reset(struct reader_params *params);

/**
 * Fill with slices of the bytes `begin` … `end`.
 * @return 0, or -1: a length that goes past the end, too many pairs, out of memory
 */
int reader_params_parse(struct reader_params *params, const uint8_t *begin, const uint8_t *end);

/** The bytes have moved from `old_bytes` to `new_bytes`: let the slices point there. */
void reader_params_rebase(struct reader_params *params, const uint8_t *old_bytes,
                          const uint8_t *new_bytes);

#endif
