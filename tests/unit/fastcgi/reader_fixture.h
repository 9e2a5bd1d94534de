/** A record reader that is fed with bytes, and what it told about them. */
#ifndef TESTS_UNIT_FASTCGI_READER_FIXTURE_H
#define TESTS_UNIT_FASTCGI_READER_FIXTURE_H

#include "fcgi_host/fastcgi/record_reader.h"
#include "tests/support/web_server.h"

#define text(string) string, sizeof(string) - 1

/** 4,096 bytes of params. */
extern const struct reader_limits g_limits;

/** CONTENT_LENGTH 5, REQUEST_METHOD POST. */
enum { POST_PARAMS_BYTES = 37 };
extern const char g_params[POST_PARAMS_BYTES + 1];

/** What a test's setup has made, and its teardown frees. */
extern struct record_reader g_reader;
extern struct web_bytes g_sent;
void reader_setup(void);
void reader_teardown(void);

/** A POST of "hello", on a connection that is kept. */
void post(struct web_bytes *sent, uint16_t id);

struct seen {
    enum reader_event last; /* but READER_MORE */
    int headers, ends;
    char body[1000];
    size_t body_bytes;
};

/** Add what the reader has to tell up to its next lack of bytes, or an event that ends a request.
 */
void look(struct record_reader *reader, struct seen *seen);
/** Feed in pieces of `piece` bytes, looking after each. */
struct seen feed(struct record_reader *reader, const struct web_bytes *sent, size_t piece);

#endif
