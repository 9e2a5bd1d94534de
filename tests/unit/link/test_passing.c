#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_host/link/channel.h"
#include "fcgi_host/link/passing.h"

static int s_ends[2];
static int s_web_server; /* the other end of the connection that is passed */
static int s_connection;
static struct passed_connection s_received;

static void set_up(void) {
    int ends[2];
    cr_assert_eq(channel_pair(s_ends, NULL), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    s_web_server = ends[0];
    s_connection = ends[1];
}
TestSuite(passing, .init = set_up, .timeout = 60);

static enum error_code pass(size_t size) {
    struct error err = {0};
    struct passed_connection connection = {.fd = s_connection, .size = size, .is_kept = size % 2};
    connection.bytes = malloc(size ? size : 1);
    for (size_t i = 0; i < size; i++) {
        connection.bytes[i] = (uint8_t)(i * 7);
    }
    int outcome = passing_send(s_ends[0], &connection, &err);
    free(connection.bytes);
    return outcome ? err.code : ERR_NONE;
}

static enum error_code receive(void) {
    struct error err = {0};
    return passing_receive(s_ends[1], &s_received, &err) ? err.code : ERR_NONE;
}

static void assert_received(size_t size) {
    char byte = 0;
    cr_assert_eq(receive(), ERR_NONE);
    cr_assert_eq(s_received.size, size);
    cr_assert_eq(s_received.is_kept, size % 2);
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(s_received.bytes[i], (uint8_t)(i * 7));
    }
    cr_assert_eq(write(s_received.fd, "!", 1), 1);
    cr_assert_eq(read(s_web_server, &byte, 1), 1);
    cr_assert_eq(byte, '!', "it is that connection");
    cr_assert(fcntl(s_received.fd, F_GETFD) & FD_CLOEXEC);
    close(s_received.fd);
    free(s_received.bytes);
}

Test(passing, the_bytes_that_were_read_come_along) {
    static const size_t s_sizes[] = {0,     1, 1000, PASSING_PACKET_BYTES, PASSING_PACKET_BYTES + 1,
                                     400001};
    for (size_t i = 0; i < sizeof s_sizes / sizeof s_sizes[0]; i++) {
        cr_assert_eq(pass(s_sizes[i]), ERR_NONE);
        assert_received(s_sizes[i]);
    }
}

Test(passing, where_packets_are_small_the_bytes_have_a_file) {
    int least = 1;
    cr_assert_eq(setsockopt(s_ends[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    cr_assert_eq(pass(PASSING_PACKET_BYTES), ERR_NONE);
    assert_received(PASSING_PACKET_BYTES);
}

Test(passing, one_that_reads_nothing_is_busy_and_one_that_has_nothing_to_read_too) {
    cr_assert_eq(receive(), ERR_BUSY);
    size_t count = 0;
    while (pass(1) == ERR_NONE) {
        count++;
    }
    cr_assert_eq(pass(1), ERR_BUSY);
    for (size_t i = 0; i < count; i++) {
        assert_received(1);
    }
    cr_assert_eq(receive(), ERR_BUSY);
}

Test(passing, the_end_of_the_other_worker_is_seen) {
    close(s_ends[0]);
    cr_assert_eq(receive(), ERR_CLOSED);
    cr_assert_eq(channel_pair(s_ends, NULL), 0);
    close(s_ends[1]);
    cr_assert_eq(pass(1), ERR_CLOSED);
}

Test(passing, what_is_no_connection_is_an_error) {
    static const char s_long[64] = "no connection, but long enough for a header";
    cr_assert_eq(send(s_ends[0], "x", 1, 0), 1);
    cr_assert_eq(receive(), ERR_PROTOCOL);
    cr_assert_eq(send(s_ends[0], s_long, sizeof s_long, 0), (ssize_t)sizeof s_long);
    cr_assert_eq(receive(), ERR_PROTOCOL, "there is no descriptor");
}
