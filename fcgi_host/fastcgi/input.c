#include "fcgi_host/fastcgi/input.h"

#include <assert.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/input_params.h"

/* What to do with the content of the record being taken apart. */
enum content { CONTENT_SKIP, CONTENT_PARAMS, CONTENT_STDIN };

static enum input_event fail(struct input *input) {
    input->is_broken = true;
    return INPUT_ERROR;
}

static size_t raw_bytes(const struct input *input) {
    return input->raw_end - input->raw_begin;
}

/* Content or padding was used up; with nothing left behind it its room is free again. */
static void advance(struct input *input, size_t size) {
    input->raw_begin += size;
    assert(input->raw_begin <= input->raw_end);
    if (input->raw_begin == input->raw_end) {
        size_t end = input->body_begin < input->body_end ? input->body_end : input->params_end;
        input->raw_begin = input->raw_end = end;
    }
}

int input_reply(struct input *input, const void *record, size_t size) {
    if (size > sizeof input->replies - input->reply_bytes) {
        return -1;
    }
    memcpy(input->replies + input->reply_bytes, record, size);
    input->reply_bytes += size;
    return 0;
}

static int reply_end(struct input *input, uint16_t id, uint8_t protocol_status) {
    uint8_t record[RECORD_END_REQUEST_BYTES];
    record_encode_end_request(record, id, 0, protocol_status);
    return input_reply(input, record, sizeof record);
}

/* §4: id 0.  The whole record is in the buffer if it is FCGI_GET_VALUES. */
static int manage(struct input *input, const struct record_header *header, const uint8_t *content) {
    if (header->type == FCGI_GET_VALUES) {
        uint8_t values[RECORD_VALUES_BYTES];
        size_t size =
            record_encode_values(values, content, header->content_bytes, &input->limits->values);
        return size == 0 ? -1 : input_reply(input, values, size);
    }
    if (header->type == FCGI_UNKNOWN_TYPE) {
        return 0; /* an answer, though we never asked; to answer it could go on for ever */
    }
    uint8_t unknown[RECORD_UNKNOWN_TYPE_BYTES];
    record_encode_unknown_type(unknown, header->type);
    return input_reply(input, unknown, sizeof unknown);
}

/* §5.1.  The record is in the buffer; INPUT_MORE: go on with the next record. */
static enum input_event begin(struct input *input, const struct record_header *header,
                              const uint8_t *content) {
    if (input->phase != INPUT_IDLE) {
        if (header->id == input->id || reply_end(input, header->id, FCGI_CANT_MPX_CONN) < 0) {
            return fail(input);
        }
        return INPUT_MORE;
    }
    int role = content[0] << 8 | content[1];
    bool keep = content[2] & FCGI_KEEP_CONN;
    if (role != FCGI_RESPONDER && role != FCGI_AUTHORIZER) {
        if (reply_end(input, header->id, FCGI_UNKNOWN_ROLE) < 0) {
            return fail(input);
        }
        return keep ? INPUT_MORE : INPUT_REFUSED;
    }
    input->phase = INPUT_PARAMS;
    input->id = header->id;
    input->role = (enum request_role)role;
    input->keep_connection = keep;
    return INPUT_MORE;
}

/* The empty record that ends FCGI_PARAMS. */
static enum input_event end_params(struct input *input) {
    if (input_params_parse(input) < 0) {
        return fail(input);
    }
    /* §6.3: an authorizer gets no FCGI_STDIN; if one comes nevertheless it is skipped. */
    if (input->role == ROLE_AUTHORIZER) {
        input->content_length = 0;
    }
    input->phase = input->role == ROLE_AUTHORIZER ? INPUT_ENDED : INPUT_STDIN;
    return INPUT_HEADER;
}

/* A record of the active request but FCGI_BEGIN_REQUEST. */
static enum input_event own_record(struct input *input, const struct record_header *header) {
    switch (header->type) {
    case FCGI_PARAMS:
        if (input->phase == INPUT_STDIN) {
            return fail(input);
        }
        if (input->phase == INPUT_ENDED) {
            return INPUT_MORE; /* sent before the web server aborted the request */
        }
        input->content_is = CONTENT_PARAMS;
        return header->content_bytes == 0 ? end_params(input) : INPUT_MORE;
    case FCGI_STDIN:
        if (input->phase == INPUT_PARAMS) {
            return fail(input);
        }
        if (input->phase == INPUT_STDIN) {
            input->content_is = CONTENT_STDIN;
            if (header->content_bytes == 0) {
                input->phase = INPUT_ENDED;
                return INPUT_END;
            }
        }
        return INPUT_MORE;
    case FCGI_ABORT_REQUEST: /* §5.4 */
        input->phase = INPUT_ENDED;
        input->is_aborted = true;
        return INPUT_ABORT;
    default: /* FCGI_DATA is for filters; the others are ours to send */
        return INPUT_MORE;
    }
}

/* Whether a record must be there as a whole before it is looked at. */
static bool is_taken_whole(const struct record_header *header) {
    return header->type == FCGI_BEGIN_REQUEST ||
           (header->type == FCGI_GET_VALUES && header->id == FCGI_NULL_REQUEST_ID);
}

/* Start on the next record. @return INPUT_MORE with content_left 0 and *ret_starved when the
 * header, or a record that is needed whole, is not there yet */
static enum input_event next_record(struct input *input, bool *ret_starved) {
    struct record_header header;
    const uint8_t *raw = input->bytes + input->raw_begin;
    *ret_starved = raw_bytes(input) < RECORD_HEADER_BYTES;
    if (*ret_starved) {
        return INPUT_MORE;
    }
    record_decode_header(raw, &header);
    if (header.version != FCGI_VERSION_1) {
        return fail(input);
    }
    bool whole = is_taken_whole(&header);
    bool begins = header.type == FCGI_BEGIN_REQUEST && header.id != FCGI_NULL_REQUEST_ID;
    if (begins && input->phase == INPUT_ENDED) {
        return INPUT_END; /* the next request: it waits where it is */
    }
    if (header.type == FCGI_BEGIN_REQUEST && !begins) {
        return fail(input); /* §3.3: the null request id is not for requests */
    }
    if ((begins && header.content_bytes != sizeof(FCGI_BeginRequestBody)) ||
        (whole && header.content_bytes > INPUT_MANAGEMENT_BYTES)) {
        return fail(input);
    }
    /* The end of FCGI_STDIN is the end with its padding: a connection closed before that came would
     * be reset. */
    bool ends_stdin = header.type == FCGI_STDIN && header.content_bytes == 0;
    size_t needed = RECORD_HEADER_BYTES + (whole ? header.content_bytes : 0u) +
                    (ends_stdin ? header.padding_bytes : 0u);
    *ret_starved = raw_bytes(input) < needed;
    if (*ret_starved) {
        return INPUT_MORE;
    }
    input->content_is = CONTENT_SKIP;
    input->content_left = whole ? 0 : header.content_bytes;
    input->padding_left = ends_stdin ? 0 : header.padding_bytes;
    enum input_event event = INPUT_MORE;
    if (header.id == FCGI_NULL_REQUEST_ID) {
        event = manage(input, &header, raw + RECORD_HEADER_BYTES) < 0 ? fail(input) : INPUT_MORE;
    } else if (begins) {
        event = begin(input, &header, raw + RECORD_HEADER_BYTES);
    } else if (input->phase != INPUT_IDLE && header.id == input->id) {
        event = own_record(input, &header);
    }
    advance(input, needed);
    return event;
}

/* Content of FCGI_PARAMS joins the params before it. */
static int take_params(struct input *input, size_t size) {
    if (size > input->limits->max_header_bytes - (input->params_end - input->params_begin)) {
        return -1;
    }
    if (input->params_begin == input->params_end) {
        input->params_begin = input->params_end = input->raw_begin;
    } else if (input->params_end != input->raw_begin) {
        memmove(input->bytes + input->params_end, input->bytes + input->raw_begin, size);
    }
    input->params_end += size;
    input->body_begin = input->body_end = input->params_end;
    return 0;
}

static size_t content_here(const struct input *input) {
    size_t raw = raw_bytes(input);
    return raw < input->content_left ? raw : input->content_left;
}

/* Of `size` bytes of FCGI_STDIN, those within CONTENT_LENGTH. */
static size_t within_length(const struct input *input, size_t size) {
    if (input->content_length < 0) {
        return size;
    }
    uint64_t left = (uint64_t)input->content_length - input->body_received;
    return size < left ? size : (size_t)left;
}

/* Content and padding of the record; INPUT_MORE: used up, or more bytes are needed. */
static enum input_event next_content(struct input *input) {
    while (input->content_left > 0 && raw_bytes(input) > 0) {
        size_t here = content_here(input);
        if (input->content_is == CONTENT_STDIN && within_length(input, here) > 0) {
            return INPUT_BODY;
        }
        if (input->content_is == CONTENT_PARAMS && take_params(input, here) < 0) {
            return fail(input);
        }
        input->content_left -= (uint16_t)here;
        advance(input, here);
    }
    if (input->content_left == 0 && input->padding_left > 0) {
        size_t raw = raw_bytes(input);
        size_t here = raw < input->padding_left ? raw : input->padding_left;
        input->padding_left -= (uint8_t)here;
        advance(input, here);
    }
    return INPUT_MORE;
}

enum input_event input_next(struct input *input) {
    if (input->is_broken) {
        return INPUT_ERROR;
    }
    for (;;) {
        enum input_event event = next_content(input);
        if (event != INPUT_MORE) {
            return event;
        }
        bool starved = input->content_left > 0 || input->padding_left > 0;
        if (!starved) {
            event = next_record(input, &starved);
            if (event != INPUT_MORE) {
                return event;
            }
        }
        if (starved) {
            return input->phase == INPUT_ENDED ? INPUT_END : INPUT_MORE;
        }
    }
}

const uint8_t *input_body(const struct input *input, size_t *ret_size) {
    *ret_size = within_length(input, content_here(input));
    return input->bytes + input->raw_begin;
}

void input_keep(struct input *input) {
    size_t size = within_length(input, content_here(input));
    if (input->body_begin == input->body_end) {
        input->body_begin = input->body_end = input->raw_begin;
    } else if (input->body_end != input->raw_begin) {
        memmove(input->bytes + input->body_end, input->bytes + input->raw_begin, size);
    }
    input->body_end += size;
    input_drop(input, size);
}

void input_drop(struct input *input, size_t size) {
    assert(size <= input->content_left);
    input->content_left -= (uint16_t)size;
    input->body_received += size;
    advance(input, size);
}

size_t input_direct_bytes(const struct input *input) {
    if (raw_bytes(input) > 0 || input->content_is != CONTENT_STDIN || input->is_broken) {
        return 0;
    }
    return within_length(input, input->content_left);
}

void input_took_direct(struct input *input, size_t size) {
    assert(size <= input_direct_bytes(input));
    input->content_left -= (uint16_t)size;
    input->body_received += size;
}

bool input_body_is_complete(const struct input *input) {
    return input->phase == INPUT_ENDED ||
           (input->phase == INPUT_STDIN && input->content_length >= 0 &&
            input->body_received == (uint64_t)input->content_length);
}
