/**
 * The other side: the bytes a web server sends, and what it makes of the answer.  Written from
 * FastCGI 1.0, sharing no code with the host.
 * @thread one at a time
 */
#ifndef TESTS_SUPPORT_WEB_SERVER_H
#define TESTS_SUPPORT_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEB_BEGIN = 1, WEB_ABORT, WEB_END, WEB_PARAMS, WEB_STDIN, WEB_STDOUT, WEB_STDERR };
enum { WEB_UNKNOWN_TYPE = 11 };
enum { WEB_KEEP = 1 };
enum { WEB_RESPONDER = 1, WEB_AUTHORIZER, WEB_FILTER };

/** Bytes to send; grows as needed. {0} is empty. */
struct web_bytes {
    uint8_t *bytes;
    size_t size, capacity;
};
void web_free(struct web_bytes *out);

/** §3.3: a record, its padding filled with what must be ignored. */
void web_record(struct web_bytes *out, uint8_t type, uint16_t id, const void *content, size_t size,
                uint8_t padding);
/** §5.1 */
void web_begin(struct web_bytes *out, uint16_t id, uint16_t role, uint8_t flags);
/** §3.4: NULL-terminated name, value, name, value …; not the empty record at the end. */
void web_params(struct web_bytes *out, uint16_t id, const char *const *pairs);
/** A whole request: POST with this body and its CONTENT_LENGTH (GET without when body is NULL);
 *  REQUEST_URI is `uri`. */
void web_request(struct web_bytes *out, uint16_t id, uint8_t flags, const char *uri,
                 const void *body, size_t body_size);

/** What came back for one request. */
struct web_answer {
    struct web_bytes out, err; /**< FCGI_STDOUT, FCGI_STDERR */
    bool out_ended, err_ended; /**< their empty records came */
    bool ended;                /**< FCGI_END_REQUEST came */
    uint16_t end_id;
    uint32_t app_status;
    uint8_t protocol_status;
    bool closed;            /**< the connection was closed, or reset */
    bool reset;             /**< … reset */
    struct web_bytes other; /**< records of other ids and types, whole */
    struct web_bytes rest;  /**< received, not taken apart yet */
};
void web_answer_free(struct web_answer *answer);
/** Forget the answer; what was received behind it stays. */
void web_answer_next(struct web_answer *answer);

/** Connect to a unix socket. @return a blocking descriptor, or -1 */
int web_connect(const char *path);
/** Send all. @return false when the peer has closed */
bool web_send(int fd, const struct web_bytes *bytes);
/**
 * Receive until FCGI_END_REQUEST for `id`, the end of the connection, or the deadline.
 * @return false at the deadline; or for what is not FastCGI
 */
bool web_receive(int fd, uint16_t id, int timeout_ms, struct web_answer *answer);
/** Take apart what is in `rest`. @return 1 ended, 0 more needed, -1 not FastCGI */
int web_parse(uint16_t id, struct web_answer *answer);

#endif
