#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/link/channel.h"

static int s_ends[2];
static struct channel_message s_message;

static void set_up(void) {
    cr_assert_eq(channel_pair(s_ends, NULL), 0);
}
static void tear_down(void) {
    close(s_ends[0]);
    close(s_ends[1]);
}
TestSuite(channel, .init = set_up, .fini = tear_down);

static enum error_code receive(void) {
    struct error err = {0};
    return channel_receive(s_ends[1], &s_message, &err) ? err.code : ERR_NONE;
}

Test(channel, a_message_arrives_as_it_was_sent) {
    cr_assert_eq(channel_send(s_ends[0],
                              &(struct channel_outgoing){.type = CHANNEL_FAILED,
                                                         .number = 42,
                                                         .name = "blog",
                                                         .text = "no such module",
                                                         .finding = "refuses /x.so"},
                              NULL),
                 0);
    cr_assert_eq(receive(), ERR_NONE);
    cr_assert_eq(s_message.type, CHANNEL_FAILED);
    cr_assert_eq(s_message.number, 42);
    cr_assert_str_eq(s_message.name, "blog");
    cr_assert_str_eq(s_message.text, "no such module");
    cr_assert_str_eq(s_message.finding, "refuses /x.so");
    cr_assert_eq(s_message.fd, -1);
}

Test(channel, name_and_text_may_be_absent) {
    channel_send(s_ends[0], &(struct channel_outgoing){.type = CHANNEL_LOADED}, NULL);
    cr_assert_eq(receive(), ERR_NONE);
    cr_assert_str_eq(s_message.name, "");
    cr_assert_str_eq(s_message.text, "");
    cr_assert_str_eq(s_message.finding, "");
}

Test(channel, a_finding_names_a_verdict_and_a_file_or_nothing) {
    char finding[32];
    channel_name_finding("stale", "/my lib/x.so", finding, sizeof finding);
    cr_expect_str_eq(finding, "stale /my lib/x.so");
    channel_name_finding("stale", "x.so", finding, sizeof finding);
    cr_expect_str_eq(finding, "");
    channel_name_finding("stale", "", finding, sizeof finding);
    cr_expect_str_eq(finding, "");
}

Test(channel, messages_keep_their_order_and_their_bounds) {
    for (uint64_t i = 0; i < 20; i++) {
        channel_send(s_ends[0],
                     &(struct channel_outgoing){.type = CHANNEL_STATUS, .number = i, .text = "x"},
                     NULL);
    }
    for (uint64_t i = 0; i < 20; i++) {
        cr_assert_eq(receive(), ERR_NONE);
        cr_assert_eq(s_message.number, i);
    }
    cr_assert_eq(receive(), ERR_BUSY);
}

Test(channel, what_is_too_long_is_cut) {
    char *text = malloc(100000);
    memset(text, 'x', 99999);
    text[99999] = '\0';
    cr_assert_eq(
        channel_send(s_ends[0],
                     &(struct channel_outgoing){
                         .type = CHANNEL_FAILED, .name = text, .text = text, .finding = text},
                     NULL),
        0);
    cr_assert_eq(receive(), ERR_NONE);
    cr_assert_eq(strlen(s_message.name), CHANNEL_NAME_BYTES - 1);
    cr_assert_eq(strlen(s_message.text), CHANNEL_TEXT_BYTES - 1);
    cr_assert_eq(strlen(s_message.finding), CHANNEL_FINDING_BYTES - 1);
    free(text);
}

Test(channel, the_end_of_the_other_side_is_seen_after_its_last_message) {
    channel_send(s_ends[0], &(struct channel_outgoing){.type = CHANNEL_LOADED}, NULL);
    close(s_ends[0]);
    cr_assert_eq(receive(), ERR_NONE);
    cr_assert_eq(receive(), ERR_CLOSED);
    struct error err = {0};
    channel_send(s_ends[1], &(struct channel_outgoing){.type = CHANNEL_STOP}, &err);
    cr_assert_eq(err.code, ERR_CLOSED);
}

Test(channel, a_reader_that_does_not_read_is_busy_and_blocks_nobody) {
    struct error err = {0};
    for (int i = 0; i < 100000 && !err.code; i++) {
        channel_send(
            s_ends[0],
            &(struct channel_outgoing){.type = CHANNEL_FAILED, .name = "name", .text = "text"},
            &err);
    }
    cr_assert_eq(err.code, ERR_BUSY);
}

Test(channel, a_packet_of_the_wrong_size_is_a_protocol_error) {
    const char garbage[] = "not a message";
    send(s_ends[0], garbage, sizeof garbage, 0);
    cr_assert_eq(receive(), ERR_PROTOCOL);
    channel_send(s_ends[0], &(struct channel_outgoing){.type = CHANNEL_LOADED}, NULL);
    cr_assert_eq(receive(), ERR_NONE);
}

Test(channel, a_file_of_any_size_goes_along_and_is_private_to_the_receiver) {
    size_t bytes = 3 << 20, received = 0;
    char *sent = malloc(bytes);
    for (size_t i = 0; i < bytes; i++) {
        sent[i] = (char)(i * 7 + i / 1000);
    }
    int fd = channel_make_file(sent, bytes, NULL);
    cr_assert_geq(fd, 0);
    channel_send(s_ends[0],
                 &(struct channel_outgoing){.type = CHANNEL_STATUS_REPLY, .number = 1, .fd = &fd},
                 NULL);
    close(fd);
    cr_assert_eq(receive(), ERR_NONE);
    cr_assert_geq(s_message.fd, 0);
    char *text = channel_take_file(s_message.fd, &received, NULL);
    cr_assert_eq(received, bytes);
    cr_assert_eq(memcmp(text, sent, bytes), 0);
    cr_assert_eq(text[bytes], '\0');
    struct stat status;
    cr_assert_eq(fstat(s_message.fd, &status), -1, "the descriptor is closed");
    free(text);
    free(sent);
}
