/** Lines that a thread of their own writes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_batch.h"
#include "pool/base/clock.h"
#include "tests/support/temporary_folder.h"

static sem_t s_has_begun, s_may_go_on;
static char s_written[4 << 20];
static size_t s_bytes, s_writes;
static bool s_is_slow;

static void write_lines(void *ctx, const char *lines, size_t size) {
    cr_assert_eq(ctx, &s_bytes);
    if (s_is_slow) {
        sem_post(&s_has_begun);
        sem_wait(&s_may_go_on);
    }
    memcpy(s_written + s_bytes, lines, size);
    s_bytes += size;
    s_writes++;
}

static struct log_batch *start(void) {
    struct error err;
    sem_init(&s_has_begun, 0, 0);
    sem_init(&s_may_go_on, 0, 0);
    struct log_batch *batch = log_batch_start("a_log", write_lines, &s_bytes, &err);
    cr_assert_not_null(batch, "%s", err.text);
    return batch;
}

TestSuite(log_batch, .timeout = 60);

Test(log_batch, lines_are_written_in_order_and_flush_waits_for_them) {
    struct log_batch *batch = start();
    char line[16];
    log_batch_flush(batch); /* nothing waits */
    for (int i = 0; i < 1000; i++) {
        log_batch_add(batch, line, (size_t)snprintf(line, sizeof line, "%d\n", i));
    }
    log_batch_flush(batch);
    const char *at = s_written;
    for (int i = 0; i < 1000; i++) {
        cr_assert_eq(strtol(at, (char **)&at, 10), i);
    }
    cr_expect_str_eq(at, "\n");
}

Test(log_batch, what_comes_while_the_thread_writes_is_written_at_once_afterwards) {
    s_is_slow = true;
    struct log_batch *batch = start();
    log_batch_add(batch, "1\n", 2);
    sem_wait(&s_has_begun);
    log_batch_add(batch, "2\n", 2);
    log_batch_add(batch, "3\n", 2);
    s_is_slow = false;
    sem_post(&s_may_go_on);
    log_batch_flush(batch);
    cr_expect_str_eq(s_written, "1\n2\n3\n");
    cr_expect_eq(s_writes, 2);
}

Test(log_batch, many_lines_are_few_writes) {
    struct log_batch *batch = start();
    uint64_t begun_ns = clock_now_ns(), lines = 0;
    while (clock_now_ns() - begun_ns < 200 * CLOCK_NS_PER_MS) {
        log_batch_add(batch, "line\n", 5);
        usleep(100);
        lines++;
    }
    log_batch_flush(batch);
    uint64_t took_ms = (clock_now_ns() - begun_ns) / CLOCK_NS_PER_MS;
    cr_expect_eq(s_bytes, 5 * lines);
    cr_expect_leq(s_writes, took_ms / LOG_BATCH_EVERY_MS + 2, "%zu writes of %lu lines", s_writes,
                  (unsigned long)lines);
}

Test(log_batch, a_line_alone_waits_for_no_others) {
    s_is_slow = true; /* tells when it writes */
    struct log_batch *batch = start();
    for (int i = 0; i < 3; i++) {
        log_batch_add(batch, "line\n", 5);
        sem_wait(&s_has_begun); /* nothing else comes, and nobody flushes */
        sem_post(&s_may_go_on);
    }
}

Test(log_batch, half_of_the_room_is_written_at_once) {
    static char line[LOG_BATCH_BYTES / 8];
    memset(line, 'x', sizeof line);
    struct log_batch *batch = start();
    for (int i = 0; i < 24; i++) { /* three times the room */
        log_batch_add(batch, line, sizeof line);
        while (i % 4 == 3 && __atomic_load_n(&s_bytes, __ATOMIC_ACQUIRE) < (i + 1) * sizeof line) {
            sched_yield();
        }
    }
    log_batch_flush(batch);
    cr_expect_eq(s_bytes, 24 * sizeof line);
}

Test(log_batch, what_does_not_fit_is_dropped_and_counted) {
    enum { LINE_BYTES = 4096, LINES = LOG_BATCH_BYTES / LINE_BYTES + 10 };
    char line[LINE_BYTES], log[TEMPORARY_FOLDER_SIZE + 8], text[512] = "";
    struct error err;
    snprintf(log, sizeof log, "%s/log", temporary_folder());
    cr_assert_eq(log_open(log, LOG_INFO, &err), 0, "%s", err.text);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    s_is_slow = true;
    struct log_batch *batch = start();
    log_batch_add(batch, "1\n", 2);
    sem_wait(&s_has_begun);
    for (int i = 0; i < LINES; i++) {
        log_batch_add(batch, line, sizeof line);
    }
    s_is_slow = false;
    sem_post(&s_may_go_on);
    log_batch_flush(batch);
    cr_expect_eq(s_bytes, LOG_BATCH_BYTES + 2);
    int fd = open(log, O_RDONLY | O_CLOEXEC);
    cr_expect_gt(read(fd, text, sizeof text - 1), 0);
    cr_expect(strstr(text, "[log.dropped] 10 lines of a_log"), "%s", text);
    close(fd);
}
