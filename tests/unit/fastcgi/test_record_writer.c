/* Records are checked by taking the written stream apart again, by hand, after §3.3. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/record_writer.h"

struct written {
    uint8_t *bytes;
    size_t size;
};

/* Write everything, at most `at_once` bytes at a time. */
static struct written write_all(struct record_writer *writer, size_t at_once) {
    struct written written = {malloc(writer->stream_bytes + 1), 0};
    while (record_writer_is_pending(writer)) {
        struct writer_vectors vectors;
        vectors.count = 0;
        record_writer_fill(writer, &vectors);
        cr_assert_gt(vectors.count, 0);
        cr_assert_leq(vectors.count, WRITER_VECTORS);
        size_t done = 0;
        for (int i = 0; i < vectors.count && done < at_once; i++) {
            size_t take = vectors.items[i].iov_len;
            take = take < at_once - done ? take : at_once - done;
            cr_assert_leq(written.size + take, writer->stream_bytes);
            memcpy(written.bytes + written.size, vectors.items[i].iov_base, take);
            written.size += take;
            done += take;
        }
        record_writer_sent(writer, done);
    }
    return written;
}

Test(record_writer, header_body_and_end_are_one_write) {
    struct record_writer writer;
    memset(&writer, 0, sizeof writer);
    struct iovec parts[2] = {{(void *)"Status: 200\r\n\r\n", 15}, {(void *)"hello", 5}};
    record_writer_start(&writer, 6, 0x0102, parts, 2);
    record_writer_add_end_of_stream(&writer, 6);
    record_writer_add_end_request(&writer, 0, 0);
    struct written written = write_all(&writer, SIZE_MAX);
    const uint8_t expected[] = "\x01\x06\x01\x02\x00\x14\x00\x00"
                               "Status: 200\r\n\r\nhello"
                               "\x01\x06\x01\x02\x00\x00\x00\x00"
                               "\x01\x03\x01\x02\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    cr_assert_eq(written.size, sizeof expected - 1);
    cr_assert_arr_eq(written.bytes, expected, sizeof expected - 1);
    free(written.bytes);
}

Test(record_writer, nothing_is_written_for_no_content) {
    struct record_writer writer;
    memset(&writer, 0, sizeof writer);
    record_writer_start(&writer, 6, 1, NULL, 0);
    cr_assert_not(record_writer_is_pending(&writer));
}

/* Content of the type-6 records of a stream; checks each header. */
static size_t join(const struct written *written, uint8_t *content, size_t *ret_records) {
    size_t position = 0, joined = 0;
    *ret_records = 0;
    while (position < written->size) {
        const uint8_t *header = written->bytes + position;
        size_t size = (size_t)header[4] << 8 | header[5];
        cr_assert_eq(header[0], 1);
        cr_assert_eq(header[6], 0);
        if (header[1] == 6 && size > 0) {
            memcpy(content + joined, header + 8, size);
            joined += size;
            ++*ret_records;
        }
        position += 8 + size;
    }
    cr_assert_eq(position, written->size);
    return joined;
}

Test(record_writer, content_of_any_size_survives_writes_of_any_size) {
    static uint8_t content[65528 * 3 + 100], joined[sizeof content];
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 31 + i / 251);
    }
    const size_t sizes[] = {1, 65527, 65528, 65529, 65528 * 2, sizeof content};
    const size_t at_once[] = {1, 7, 8, 9, 65535, 65536, 65537, 200000, SIZE_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (size_t a = 0; a < sizeof at_once / sizeof *at_once; a++) {
            struct record_writer writer;
            memset(&writer, 0, sizeof writer);
            size_t first = sizes[s] / 3;
            struct iovec parts[4] = {{content, first},
                                     {NULL, 0},
                                     {content + first, 0},
                                     {content + first, sizes[s] - first}};
            record_writer_start(&writer, 6, 9, parts, 4);
            record_writer_add_end_of_stream(&writer, 6);
            record_writer_add_end_request(&writer, 7, 0);
            struct written written = write_all(&writer, at_once[a]);
            size_t records;
            cr_assert_eq(join(&written, joined, &records), sizes[s]);
            cr_assert_eq(records, (sizes[s] + 65527) / 65528);
            cr_assert_arr_eq(joined, content, sizes[s]);
            free(written.bytes);
        }
    }
}

Test(record_writer, more_records_than_fit_one_system_call_are_written_in_several) {
    size_t size = 65528u * 100;
    uint8_t *content = calloc(1, size), *joined = malloc(size);
    struct record_writer writer;
    memset(&writer, 0, sizeof writer);
    struct iovec part = {content, size};
    record_writer_start(&writer, 6, 1, &part, 1);
    struct written written = write_all(&writer, SIZE_MAX);
    size_t records;
    cr_assert_eq(join(&written, joined, &records), size);
    cr_assert_eq(records, 100);
    free(written.bytes);
    free(content);
    free(joined);
}

Test(record_writer, cutting_completes_only_the_record_on_its_way) {
    static uint8_t content[65528 * 3], joined[sizeof content];
    const struct {
        size_t sent, expected;
    } cases[] = {{0, 0}, {1, 65528}, {65535, 65528}, {65536, 65528}, {65537, 65528 * 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct record_writer writer;
        memset(&writer, 0, sizeof writer);
        struct iovec part = {content, sizeof content};
        record_writer_start(&writer, 6, 1, &part, 1);
        record_writer_add_end_of_stream(&writer, 6);
        struct writer_vectors vectors;
        vectors.count = 0;
        record_writer_fill(&writer, &vectors);
        struct written before = {malloc(sizeof content + 1000), 0};
        for (int v = 0; v < vectors.count && before.size < cases[i].sent; v++) {
            size_t take = vectors.items[v].iov_len;
            take = take < cases[i].sent - before.size ? take : cases[i].sent - before.size;
            memcpy(before.bytes + before.size, vectors.items[v].iov_base, take);
            before.size += take;
        }
        record_writer_sent(&writer, before.size);
        record_writer_cut(&writer);
        struct written rest = write_all(&writer, SIZE_MAX);
        memcpy(before.bytes + before.size, rest.bytes, rest.size);
        before.size += rest.size;
        size_t records;
        cr_assert_eq(join(&before, joined, &records), cases[i].expected, "sent %zu", cases[i].sent);
        free(before.bytes);
        free(rest.bytes);
    }
}
