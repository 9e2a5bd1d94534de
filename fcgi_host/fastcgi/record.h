/**
 * FastCGI records as bytes: headers, name-value pairs, the records of fixed form.
 * Pure: no I/O, no allocation, no state.
 *
 * Follows: FastCGI 1.0 §3.3 (records), §3.4 (name-value pairs), §4 (management records),
 *          §5.1, §5.5 (begin and end of a request), §8 (types and constants).
 * @thread any
 * @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_RECORD_H
#define FCGI_HOST_FASTCGI_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/params.h"

enum {
    RECORD_HEADER_BYTES = 8,
    RECORD_END_REQUEST_BYTES = 16,  /**< header and body */
    RECORD_UNKNOWN_TYPE_BYTES = 16, /**< header and body */
    /** Most content in a record that we send: the largest multiple of eight that fits the 16-bit
     *  length: records stay aligned without padding and, header included, measure 64 KiB. */
    RECORD_SEND_BYTES = 65528,
};

struct record_header {
    uint8_t version;
    uint8_t type;
    uint16_t id;
    uint16_t content_bytes;
    uint8_t padding_bytes;
};

/** Take a header apart; `version` is the caller's to check. */
void record_decode_header(const uint8_t bytes[RECORD_HEADER_BYTES], struct record_header *ret);

/** A header without padding. */
void record_encode_header(uint8_t ret[RECORD_HEADER_BYTES], uint8_t type, uint16_t id,
                          uint16_t content_bytes);

/** FCGI_END_REQUEST (§5.5). `protocol_status` is one of FCGI_REQUEST_COMPLETE … */
void record_encode_end_request(uint8_t ret[RECORD_END_REQUEST_BYTES], uint16_t id,
                               uint32_t app_status, uint8_t protocol_status);

/** FCGI_UNKNOWN_TYPE (§4.2): the management record's type that we do not know. */
void record_encode_unknown_type(uint8_t ret[RECORD_UNKNOWN_TYPE_BYTES], uint8_t type);

/**
 * The next name-value pair of `*position` … `end`; `*position` moves behind it.
 * @return 1 a pair, as slices into the bytes; 0 the end; -1 a length goes past the end
 */
int record_next_pair(const uint8_t **position, const uint8_t *end, struct param *ret);

/** What FCGI_GET_VALUES is told. */
struct record_limits {
    unsigned max_connections, max_requests;
};

enum {
    /** Room for FCGI_GET_VALUES_RESULT with all three values of ten digits. */
    RECORD_VALUES_BYTES = 128
};

/**
 * Answer FCGI_GET_VALUES (§4.1): the values of the requested names that the specification defines,
 * each once.
 * @return bytes of the record, or 0 when the query is malformed
 */
size_t record_encode_values(uint8_t ret[RECORD_VALUES_BYTES], const uint8_t *query, size_t size,
                            const struct record_limits *limits);

#endif
