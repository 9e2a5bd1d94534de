/* FastCGI 1.0 §3.3 (records), §5.4 (FCGI_ABORT_REQUEST), §5.5 (FCGI_END_REQUEST). */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/fastcgi/event_stream.h"

static struct event_stream s_stream;
static int s_peer;

static void begin(const void *bytes, size_t size) {
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    s_peer = ends[1];
    event_stream_begin(&s_stream, ends[0], 0x0102, bytes, size);
}

static void end(void) {
    event_stream_close(&s_stream);
    close(s_peer);
}

static void expect_bytes(const void *expected, size_t size) {
    uint8_t bytes[256];
    cr_assert_eq(recv(s_peer, bytes, sizeof bytes, 0), (ssize_t)size);
    cr_assert_arr_eq(bytes, expected, size);
}

Test(event_stream, text_is_a_record_and_the_end_is_that_of_a_request) {
    static const uint8_t record[] = {1, 6, 1, 2, 0, 3, 0, 0, 'a', 'b', 'c'};
    static const uint8_t last[] = {1, 6, 1, 2, 0, 0, 0, 0, 1, 3, 1, 2,
                                   0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    begin(NULL, 0);
    cr_expect(event_stream_send(&s_stream, "abc", 3));
    expect_bytes(record, sizeof record);
    cr_expect(event_stream_send(&s_stream, "", 0), "an empty record would be the end");
    event_stream_close(&s_stream);
    expect_bytes(last, sizeof last);
    cr_expect_eq(recv(s_peer, (char[1]){0}, 1, 0), 0);
    event_stream_close(&s_stream);
    close(s_peer);
}

Test(event_stream, a_peer_that_does_not_read_is_not_waited_for) {
    static char text[60000];
    int count = 0;
    begin(NULL, 0);
    while (event_stream_send(&s_stream, text, sizeof text)) {
        cr_assert_lt(++count, 1000);
    }
    end();
}

Test(event_stream, a_peer_that_has_gone_is_seen_when_sending_and_when_reading) {
    begin(NULL, 0);
    cr_expect(event_stream_read(&s_stream), "nothing has come");
    close(s_peer);
    cr_expect_not(event_stream_read(&s_stream));
    cr_expect_not(event_stream_send(&s_stream, "x", 1)); /* no SIGPIPE */
    event_stream_close(&s_stream);
}

Test(event_stream, what_comes_is_thrown_away_until_an_abort) {
    static const uint8_t before[] = {1, 1, 1, 2, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 5, 1};
    static const uint8_t rest[] = {2, 0, 3, 1, 0, 'x', 2, 'y', 0, 1, 5, 1, 2, 0, 0, 0, 0};
    static const uint8_t abort_request[] = {1, 2, 1, 2, 0, 0, 0, 0};
    begin(before, sizeof before);
    for (size_t i = 0; i < sizeof rest; i++) {
        cr_assert_eq(send(s_peer, rest + i, 1, 0), 1);
        cr_expect(event_stream_read(&s_stream), "byte %zu", i);
    }
    cr_assert_eq(send(s_peer, abort_request, sizeof abort_request, 0), 8);
    cr_expect_not(event_stream_read(&s_stream));
    end();
}

Test(event_stream, what_is_no_record_ends_it) {
    begin(NULL, 0);
    cr_assert_eq(send(s_peer, "GET / HTTP/1.1\r\n", 16, 0), 16);
    cr_expect_not(event_stream_read(&s_stream));
    end();
}
