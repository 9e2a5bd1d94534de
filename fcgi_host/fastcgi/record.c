#include "fcgi_host/fastcgi/record.h"

#include <fastcgi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* FastCGI 1.0 §8, against the header that the names come from. */
_Static_assert(FCGI_HEADER_LEN == RECORD_HEADER_BYTES && FCGI_VERSION_1 == 1, "§8");
_Static_assert(FCGI_BEGIN_REQUEST == 1 && FCGI_ABORT_REQUEST == 2 && FCGI_END_REQUEST == 3, "§8");
_Static_assert(FCGI_PARAMS == 4 && FCGI_STDIN == 5 && FCGI_STDOUT == 6 && FCGI_STDERR == 7, "§8");
_Static_assert(FCGI_DATA == 8 && FCGI_GET_VALUES == 9 && FCGI_GET_VALUES_RESULT == 10, "§8");
_Static_assert(FCGI_UNKNOWN_TYPE == 11 && FCGI_NULL_REQUEST_ID == 0 && FCGI_KEEP_CONN == 1, "§8");
_Static_assert(FCGI_RESPONDER == 1 && FCGI_AUTHORIZER == 2 && FCGI_FILTER == 3, "§8");
_Static_assert(FCGI_REQUEST_COMPLETE == 0 && FCGI_CANT_MPX_CONN == 1 && FCGI_OVERLOADED == 2 &&
                   FCGI_UNKNOWN_ROLE == 3,
               "§8");
_Static_assert(sizeof(FCGI_EndRequestRecord) == RECORD_END_REQUEST_BYTES, "§5.5");
_Static_assert(sizeof(FCGI_UnknownTypeRecord) == RECORD_UNKNOWN_TYPE_BYTES, "§4.2");
_Static_assert((int)ROLE_RESPONDER == FCGI_RESPONDER && (int)ROLE_AUTHORIZER == FCGI_AUTHORIZER,
               "§5.1");
_Static_assert(RECORD_SEND_BYTES % 8 == 0 && RECORD_SEND_BYTES <= FCGI_MAX_LENGTH, "§3.3");

void record_decode_header(const uint8_t bytes[RECORD_HEADER_BYTES], struct record_header *ret) {
    ret->version = bytes[0];
    ret->type = bytes[1];
    ret->id = (uint16_t)(bytes[2] << 8 | bytes[3]);
    ret->content_bytes = (uint16_t)(bytes[4] << 8 | bytes[5]);
    ret->padding_bytes = bytes[6];
}

void record_encode_header(uint8_t ret[RECORD_HEADER_BYTES], uint8_t type, uint16_t id,
                          uint16_t content_bytes) {
    ret[0] = FCGI_VERSION_1;
    ret[1] = type;
    ret[2] = (uint8_t)(id >> 8);
    ret[3] = (uint8_t)id;
    ret[4] = (uint8_t)(content_bytes >> 8);
    ret[5] = (uint8_t)content_bytes;
    ret[6] = 0;
    ret[7] = 0;
}

void record_encode_end_request(uint8_t ret[RECORD_END_REQUEST_BYTES], uint16_t id,
                               uint32_t app_status, uint8_t protocol_status) {
    memset(ret, 0, RECORD_END_REQUEST_BYTES);
    record_encode_header(ret, FCGI_END_REQUEST, id, sizeof(FCGI_EndRequestBody));
    ret[8] = (uint8_t)(app_status >> 24);
    ret[9] = (uint8_t)(app_status >> 16);
    ret[10] = (uint8_t)(app_status >> 8);
    ret[11] = (uint8_t)app_status;
    ret[12] = protocol_status;
}

void record_encode_unknown_type(uint8_t ret[RECORD_UNKNOWN_TYPE_BYTES], uint8_t type) {
    memset(ret, 0, RECORD_UNKNOWN_TYPE_BYTES);
    record_encode_header(ret, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID,
                         sizeof(FCGI_UnknownTypeBody));
    ret[8] = type;
}

/* §3.4: one byte for a length below 128, else four bytes with the top bit set.
 * @return 0, or -1 when the bytes are cut off */
static int next_length(const uint8_t **position, const uint8_t *end, uint32_t *ret) {
    const uint8_t *p = *position;
    if (p == end) {
        return -1;
    }
    if (*p < 0x80) {
        *ret = *p;
        *position = p + 1;
        return 0;
    }
    if (end - p < 4) {
        return -1;
    }
    *ret = (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    *position = p + 4;
    return 0;
}

int record_next_pair(const uint8_t **position, const uint8_t *end, struct param *ret) {
    if (*position == end) {
        return 0;
    }
    const uint8_t *p = *position;
    uint32_t name_bytes, value_bytes;
    if (next_length(&p, end, &name_bytes) < 0 || next_length(&p, end, &value_bytes) < 0) {
        return -1;
    }
    size_t left = (size_t)(end - p);
    if (name_bytes > left || value_bytes > left - name_bytes) {
        return -1;
    }
    ret->name = (const char *)p;
    ret->name_bytes = name_bytes;
    ret->value = (const char *)p + name_bytes;
    ret->value_bytes = value_bytes;
    *position = p + name_bytes + value_bytes;
    return 1;
}

static bool pair_is(const struct param *pair, const char *name) {
    return pair->name_bytes == strlen(name) && memcmp(pair->name, name, pair->name_bytes) == 0;
}

size_t record_encode_values(uint8_t ret[RECORD_VALUES_BYTES], const uint8_t *query, size_t size,
                            const struct record_limits *limits) {
    const struct {
        const char *name;
        unsigned value;
    } known[] = {
        {FCGI_MAX_CONNS, limits->max_connections},
        {FCGI_MAX_REQS, limits->max_requests},
        {FCGI_MPXS_CONNS, 0}, /* one request at a time on a connection */
    };
    bool answered[sizeof known / sizeof *known] = {false};
    size_t used = RECORD_HEADER_BYTES;
    const uint8_t *position = query;
    struct param pair;
    int more;
    while ((more = record_next_pair(&position, query + size, &pair)) > 0) {
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (answered[i] || !pair_is(&pair, known[i].name)) {
                continue;
            }
            char value[16];
            int value_bytes = snprintf(value, sizeof value, "%u", known[i].value);
            ret[used++] = (uint8_t)pair.name_bytes;
            ret[used++] = (uint8_t)value_bytes;
            memcpy(ret + used, known[i].name, pair.name_bytes);
            used += pair.name_bytes;
            memcpy(ret + used, value, (size_t)value_bytes);
            used += (size_t)value_bytes;
            answered[i] = true;
        }
    }
    if (more < 0) {
        return 0;
    }
    record_encode_header(ret, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID,
                         (uint16_t)(used - RECORD_HEADER_BYTES));
    return used;
}
