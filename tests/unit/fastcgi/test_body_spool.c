#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/fastcgi/body_spool.h"

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 7 + i / 253);
}

static void write_pattern(struct body_spool *spool, size_t from, size_t size) {
    uint8_t *bytes = malloc(size);
    struct error err;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(from + i);
    }
    cr_assert_eq(body_spool_write(spool, bytes, size, &err), 0, "%s", err.text);
    free(bytes);
}

static void read_pattern(struct body_spool *spool, size_t from, size_t size) {
    uint8_t *bytes = malloc(size);
    struct error err;
    for (size_t done = 0; done < size;) {
        ssize_t n = body_spool_read(spool, bytes + done, size - done, &err);
        cr_assert_gt(n, 0);
        done += (size_t)n;
    }
    for (size_t i = 0; i < size; i++) {
        cr_assert_eq(bytes[i], pattern(from + i), "byte %zu", from + i);
    }
    free(bytes);
}

Test(body_spool, what_was_written_is_read_in_order) {
    struct body_spool spool;
    body_spool_init(&spool);
    write_pattern(&spool, 0, 1000);
    read_pattern(&spool, 0, 300);
    write_pattern(&spool, 1000, 70000);
    read_pattern(&spool, 300, 70700);
    cr_assert(body_spool_is_empty(&spool));
    cr_assert_eq(spool.fd, -1, "so little stays in memory");
    cr_assert_eq(body_spool_read(&spool, &(uint8_t){0}, 1, NULL), 0);
    body_spool_clear(&spool);
}

Test(body_spool, beyond_its_memory_it_goes_on_in_a_file_without_a_name) {
    struct body_spool spool;
    body_spool_init(&spool);
    write_pattern(&spool, 0, SPOOL_MEMORY_BYTES - 10);
    read_pattern(&spool, 0, 5000);
    write_pattern(&spool, SPOOL_MEMORY_BYTES - 10, 3000000);
    cr_assert_geq(spool.fd, 0);
    read_pattern(&spool, 5000, SPOOL_MEMORY_BYTES - 10 - 5000 + 3000000);
    cr_assert(body_spool_is_empty(&spool));
    cr_assert_eq(spool.fd, -1, "read to its end, the file is given back");
    body_spool_clear(&spool);
}

Test(body_spool, no_place_for_a_file_is_an_error_that_names_the_folder) {
    struct body_spool spool;
    struct error err;
    body_spool_init(&spool);
    setenv("TMPDIR", "/nonexistent/folder", 1);
    uint8_t *bytes = calloc(1, SPOOL_MEMORY_BYTES + 1);
    cr_assert_eq(body_spool_write(&spool, bytes, SPOOL_MEMORY_BYTES + 1, &err), -1);
    cr_assert_eq(err.code, ERR_SYSTEM);
    cr_assert(strstr(err.text, "/nonexistent/folder"));
    free(bytes);
    body_spool_clear(&spool);
}
