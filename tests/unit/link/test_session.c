#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/link/session.h"

static int s_ends[2];
static struct session_packet s_packet;

static void set_up(void) {
    cr_assert(eq(int, session_pair(s_ends, NULL), 0));
}
static void tear_down(void) {
    close(s_ends[0]);
    close(s_ends[1]);
}
TestSuite(session, .init = set_up, .fini = tear_down, .timeout = 30);

static enum error_code receive(void) {
    struct error err = {0};
    return session_receive(s_ends[1], &s_packet, &err) ? err.code : ERR_NONE;
}

Test(session, a_text_arrives_as_it_was_said) {
    cr_assert(eq(int, session_say(s_ends[0], SESSION_NAME, "a name;\n", NULL), 0));
    cr_assert(eq(int, receive(), ERR_NONE));
    cr_expect(eq(int, s_packet.type, SESSION_NAME));
    cr_expect_str_eq(s_packet.bytes, "a name;\n");
}

Test(session, nothing_is_said_in_a_packet_too) {
    cr_assert(eq(int, session_say(s_ends[0], SESSION_ARGUMENT, "", NULL), 0));
    cr_assert(eq(int, receive(), ERR_NONE));
    cr_expect(eq(int, s_packet.type, SESSION_ARGUMENT));
    cr_expect(eq(sz, s_packet.size, 0));
}

Test(session, what_is_long_comes_in_pieces_and_whole) {
    enum { BYTES = 2 * SESSION_PACKET_BYTES + 1 };
    char *sent = malloc(BYTES), *got = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++) {
        sent[i] = (char)(i * 7 / 3);
    }
    cr_assert(eq(int, session_send(s_ends[0], SESSION_PROGRAM, sent, BYTES, NULL), 0));
    size_t size = 0;
    while (size < BYTES) {
        cr_assert(eq(int, receive(), ERR_NONE));
        cr_assert(eq(int, s_packet.type, SESSION_PROGRAM));
        cr_assert(le(sz, size + s_packet.size, BYTES));
        memcpy(got + size, s_packet.bytes, s_packet.size);
        size += s_packet.size;
    }
    cr_expect(eq(int, memcmp(sent, got, BYTES), 0));
    free(sent);
    free(got);
}

Test(session, an_end_that_is_closed_is_noticed_by_both_sides_calls) {
    struct error err = {0};
    shutdown(s_ends[0], SHUT_RDWR);
    cr_expect(eq(int, receive(), ERR_CLOSED));
    cr_expect(eq(int, session_say(s_ends[1], SESSION_OUT, "x", &err), -1));
    cr_expect(eq(int, err.code, ERR_CLOSED));
}

Test(session, what_was_said_before_the_end_was_closed_arrives) {
    cr_assert(eq(int, session_say(s_ends[1], SESSION_START, "not read", NULL), 0));
    cr_assert(eq(int, session_say(s_ends[0], SESSION_END, "2why", NULL), 0));
    close(s_ends[0]);
    cr_assert(eq(int, receive(), ERR_NONE));
    cr_expect(eq(int, s_packet.type, SESSION_END));
    cr_expect(eq(int, receive(), ERR_CLOSED));
    s_ends[0] = dup(s_ends[1]);
}

Test(session, a_packet_that_is_longer_than_any_is_refused) {
    char *bytes = calloc(1, SESSION_PACKET_BYTES + 2);
    cr_assert(gt(long, send(s_ends[0], bytes, SESSION_PACKET_BYTES + 2, 0), 0));
    cr_expect(eq(int, receive(), ERR_PROTOCOL));
    free(bytes);
}
