/**
 * One answer, taken apart as it arrives and compared with what was expected: its records, the CGI
 * header's status, every byte of its body.
 *
 * Follows: FastCGI 1.0 §3.3, §5.5; RFC 3875 §6.3.3 (Status).
 * @thread one at a time
 */
#ifndef BENCH_LOAD_ANSWER_H
#define BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/record.h"

enum {
    LOAD_TEXTS = 2,        /**< bodies that are right: those of old and new code in a reload */
    LOAD_HEAD_BYTES = 2048 /**< longest CGI header */
};

/** A body that is right. */
struct load_text {
    const uint8_t *bytes; /**< NULL: only the size counts */
    size_t size;
};

struct load_expected {
    struct load_text texts[LOAD_TEXTS];
    unsigned count; /**< 0: any body will do */
};

/** What can be wrong with a request; load_fault_names in the same order. */
enum load_fault {
    FAULT_NONE,
    FAULT_CONNECT,  /**< refused */
    FAULT_CLOSED,   /**< closed or reset before FCGI_END_REQUEST */
    FAULT_RECORD,   /**< not FastCGI */
    FAULT_PROTOCOL, /**< FCGI_END_REQUEST says overloaded, or the like */
    FAULT_STATUS,   /**< not 200 */
    FAULT_LENGTH,
    FAULT_CONTENT,
    FAULT_COUNT
};
extern const char *const load_fault_names[FAULT_COUNT];

struct load_answer {
    const struct load_expected *expected;
    struct record_header record;
    uint8_t header[RECORD_HEADER_BYTES]; /**< of the current record, as far as it came */
    size_t header_bytes, content_left, padding_left;
    uint8_t end[8]; /**< FCGI_END_REQUEST's body */
    size_t end_bytes;
    char head[LOAD_HEAD_BYTES + 1]; /**< CGI header */
    size_t head_bytes;
    bool has_head;
    size_t body_bytes;
    unsigned right; /**< bit i: the body is texts[i] so far */
    bool has_begun; /**< a byte has arrived */
};

/** Get ready for the next one. @owns `expected` must live as long as it is used */
void load_answer_begin(struct load_answer *answer, const struct load_expected *expected);

/** Take the next bytes. @return 1 FCGI_END_REQUEST has come, 0 more needed, -1 not FastCGI */
int load_answer_take(struct load_answer *answer, const uint8_t *bytes, size_t size);

/**
 * Judge an answer that has come to its end.
 * @param[out] ret_text  which of the expected bodies it has; set only without a fault
 */
enum load_fault load_answer_judge(const struct load_answer *answer, unsigned *ret_text);

#endif
