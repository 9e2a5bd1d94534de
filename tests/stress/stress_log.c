/*
 * Several threads log to a pipe whose reader stops again and again, while the log is opened anew.
 * Every line must be read whole and in its thread's order, or be counted as dropped.
 *
 *   stress_log [LINES]
 */
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_stream.h"
#include "fcgi_host/base/log_target.h"
#include "tests/support/temporary_folder.h"

enum { WRITERS = 3 };

static unsigned s_lines = 30000; /* of each thread */
static atomic_bool s_is_over;
static char s_fifo[TEMPORARY_FOLDER_SIZE + 8];

/** What the reader has seen. */
static struct {
    long last[WRITERS];
    unsigned long lines, dropped;
    bool has_ended;
} s_read = {.last = {-1, -1, -1}};

static void *write_lines(void *arg) {
    long writer = (long)(intptr_t)arg;
    for (unsigned i = 0; i < s_lines; i++) {
        log_line(LOG_INFO, "a.b", NULL, "%ld %u .......................", writer, i);
    }
    return NULL;
}

static void take(const char *line) {
    const char *report = strstr(line, "[log.dropped] "), *text = strstr(line, "[a.b] ");
    long writer, number;
    if (report) {
        s_read.dropped += strtoul(report + strlen("[log.dropped] "), NULL, 10);
        return;
    }
    if (strstr(line, "[a.end] ")) {
        s_read.has_ended = true;
        return;
    }
    assert(text && sscanf(text, "[a.b] %ld %ld", &writer, &number) == 2);
    assert(writer >= 0 && writer < WRITERS && number > s_read.last[writer]);
    s_read.last[writer] = number;
    s_read.lines++;
}

/** Reads for a while, and stops until the writers have dropped lines or are done. */
static void *read_lines(void *arg) {
    FILE *in = arg;
    char line[512];
    for (unsigned i = 0; !s_read.has_ended && fgets(line, sizeof line, in); i++) {
        take(line);
        if (i % 5000 == 0 && !s_is_over) {
            usleep(20000);
        }
    }
    return NULL;
}

static void *reopen(void *arg) {
    (void)arg;
    while (!s_is_over) {
        struct error err;
        assert(log_target_reopen(log_target_find(s_fifo), &err) == 0);
        usleep(1000);
    }
    return NULL;
}

int main(int argc, char **argv) {
    struct error err;
    pthread_t writers[WRITERS], reader, reopener;
    s_lines = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : s_lines;
    snprintf(s_fifo, sizeof s_fifo, "%s/fifo", temporary_folder());
    assert(mkfifo(s_fifo, 0600) == 0);
    FILE *in = fdopen(open(s_fifo, O_RDWR | O_CLOEXEC), "r"); /* sees no end while it is reopened */
    assert(in && log_open(s_fifo, LOG_INFO, &err) == 0);
    assert(pthread_create(&reader, NULL, read_lines, in) == 0);
    assert(pthread_create(&reopener, NULL, reopen, NULL) == 0);
    for (long i = 0; i < WRITERS; i++) {
        assert(pthread_create(&writers[i], NULL, write_lines, (void *)(intptr_t)i) == 0);
    }
    for (long i = 0; i < WRITERS; i++) {
        pthread_join(writers[i], NULL);
    }
    s_is_over = true;
    pthread_join(reopener, NULL);
    log_stream_flush();
    log_line(LOG_INFO, "a.end", NULL, "end");
    pthread_join(reader, NULL);
    printf("%lu lines read, %lu dropped\n", s_read.lines, s_read.dropped);
    assert(s_read.lines + s_read.dropped == (unsigned long)WRITERS * s_lines);
    fclose(in);
    return 0;
}
