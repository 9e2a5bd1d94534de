/** A log that somebody must read: a pipe, a socket, a terminal, read late or not at all. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_stream.h"
#include "fcgi_host/base/log_target.h"
#include "tests/support/temporary_folder.h"

enum { MANY = 40000, NOBODY = 65534 };

/** Lines that were read: numbered ones in order, and the reports between them. */
struct reading {
    int fd;
    char rest[4096];
    size_t rest_bytes;
    unsigned lines, reports;
    unsigned long dropped;
    long last; /* number */
    bool is_in_order;
};

static int s_stderr = -1;

/** Standard error is `fd` from here on, and the log's target. */
static void log_to(int fd) {
    struct error err;
    s_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    cr_assert_geq(dup2(fd, STDERR_FILENO), 0);
    cr_assert_eq(log_open("stderr", LOG_INFO, &err), 0, "%s", err.text);
}

/** This process cannot open `pipe` a second time, from here on. */
static void forbid_opening(int pipe) {
    cr_assert_eq(geteuid() == 0 ? seteuid(NOBODY) : fchmod(pipe, 0), 0);
}

static void teardown(void) {
    if (s_stderr >= 0) {
        dup2(s_stderr, STDERR_FILENO);
    }
    if (getuid() == 0 && geteuid() != 0) {
        cr_assert_eq(seteuid(0), 0);
        cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0); /* for the leak sanitizer */
    }
}

TestSuite(log_stream, .fini = teardown, .timeout = 60);

static void log_numbers(long from, long to) {
    for (long i = from; i < to; i++) {
        log_line(LOG_INFO, "a.b", NULL, "%ld %.*s", i, 60,
                 "------------------------------------------------------------");
    }
}

static void take_line(struct reading *reading, const char *line) {
    const char *text = strstr(line, "[a.b] "), *report = strstr(line, "[log.dropped] ");
    if (report) {
        unsigned long count = strtoul(report + strlen("[log.dropped] "), NULL, 10);
        reading->reports++;
        reading->dropped += count;
        reading->last += (long)count;
    } else if (text) {
        long number = strtol(text + strlen("[a.b] "), NULL, 10);
        reading->is_in_order &= number == reading->last + 1;
        reading->last = number;
        reading->lines++;
    }
}

/** Read what comes until line `last` was read, or the end. */
static void read_until(struct reading *reading, long last) {
    ssize_t count;
    while (reading->last < last &&
           (count = read(reading->fd, reading->rest + reading->rest_bytes,
                         sizeof reading->rest - 1 - reading->rest_bytes)) > 0) {
        reading->rest_bytes += (size_t)count;
        reading->rest[reading->rest_bytes] = '\0';
        char *line = reading->rest, *end;
        while ((end = strchr(line, '\n'))) {
            *end = '\0';
            take_line(reading, line);
            line = end + 1;
        }
        reading->rest_bytes -= (size_t)(line - reading->rest);
        memmove(reading->rest, line, reading->rest_bytes);
    }
}

static struct reading reading_of(int fd) {
    return (struct reading){.fd = fd, .last = -1, .is_in_order = true};
}

/** The log's target takes `fd`; nobody reads `reader` while many lines are logged, then they are
 *  read. */
static void check_late_reader(int fd, int reader) {
    int flags = fcntl(fd, F_GETFL);
    log_to(fd);
    log_numbers(0, MANY); /* returns: that is the point */
    cr_expect_eq(fcntl(fd, F_GETFL), flags, "O_NONBLOCK is not set behind others' backs");
    struct reading reading = reading_of(reader);
    read_until(&reading, MANY - 1);
    cr_expect(reading.is_in_order);
    cr_expect_eq(reading.lines + reading.dropped, MANY, "%u lines, %lu dropped", reading.lines,
                 reading.dropped);
    cr_expect_gt(reading.dropped, 0);
    cr_expect_gt(reading.lines * 100UL, (unsigned long)LOG_STREAM_BYTES / 2);
    log_numbers(MANY, MANY + 10);
    read_until(&reading, MANY + 9);
    cr_expect(reading.is_in_order);
    cr_expect_eq(reading.lines + reading.dropped, MANY + 10, "all that is read in time is there");
    cr_expect_eq(reading.reports, 1);
}

Test(log_stream, a_pipe_that_nobody_reads_does_not_block_and_what_is_dropped_is_counted) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    check_late_reader(ends[1], ends[0]);
}

Test(log_stream, the_same_of_a_socket) {
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    check_late_reader(ends[1], ends[0]);
}

Test(log_stream, the_same_of_a_terminal) {
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        cr_skip_test("no terminals here");
    }
    check_late_reader(slave, master);
}

/* Another user's pipe, a system without /proc: it cannot be opened a second time. */
Test(log_stream, the_same_of_a_pipe_that_cannot_be_opened_again) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    forbid_opening(ends[1]);
    check_late_reader(ends[1], ends[0]);
}

Test(log_stream, a_line_is_written_before_log_line_returns_when_the_target_takes_it) {
    int ends[2];
    char line[256];
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
    log_to(ends[1]);
    log_line(LOG_INFO, "a.b", NULL, "text");
    cr_expect_gt(read(ends[0], line, sizeof line), 0);
}

static sem_t s_reads;

static void *read_all(void *arg) {
    sem_post(&s_reads);
    read_until(arg, MANY);
    return NULL;
}

static void check_end(int fd, int reader) {
    struct reading reading = reading_of(reader);
    pthread_t thread;
    log_to(fd);
    close(fd);
    log_numbers(0, 5000); /* more than a pipe takes */
    sem_init(&s_reads, 0, 0);
    cr_assert_eq(pthread_create(&thread, NULL, read_all, &reading), 0);
    /* A sanitizer's lock that a thread holds while it starts would stay locked in the child. */
    while (sem_wait(&s_reads) != 0) {
    }
    pid_t pid = fork(); /* a process that logs and ends at once */
    if (pid == 0) {
        log_numbers(5000, 8000);
        log_stream_flush();
        _exit(0);
    }
    log_stream_flush();
    waitpid(pid, NULL, 0);
    log_line(LOG_INFO, "a.b", NULL, "%d last", MANY);
    log_stream_flush();
    pthread_join(thread, NULL);
    cr_expect_eq(reading.lines, 8001, "%u lines", reading.lines);
    cr_expect_eq(reading.dropped, 0);
}

Test(log_stream, nothing_is_lost_at_the_end_while_the_reader_reads_nor_written_twice_after_fork) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    check_end(ends[1], ends[0]);
}

Test(log_stream, the_same_of_a_pipe_that_cannot_be_opened_again_at_the_end) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    forbid_opening(ends[1]);
    check_end(ends[1], ends[0]);
}

Test(log_stream, the_end_does_not_wait_for_a_reader_that_does_not_read) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    log_to(ends[1]);
    log_numbers(0, 5000);
    log_stream_flush(); /* returns */
}

Test(log_stream, a_reader_that_has_gone_costs_the_lines_only) {
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    log_to(ends[1]);
    log_numbers(0, 5000);
    close(ends[0]);
    log_stream_flush();
    log_numbers(0, 10);
}

Test(log_stream, lines_that_wait_go_to_the_file_that_takes_the_place_of_a_fifo) {
    char path[TEMPORARY_FOLDER_SIZE + 8];
    struct error err;
    struct stat status;
    snprintf(path, sizeof path, "%s/log", temporary_folder());
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(log_open(path, LOG_INFO, &err), 0, "%s", err.text);
    log_numbers(0, 5000); /* more than a FIFO takes */
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(log_target_reopen(log_target_find(path), &err), 0, "%s", err.text);
    log_numbers(5000, 5001);
    cr_assert_eq(stat(path, &status), 0);
    char *text = calloc(1, (size_t)status.st_size + 1);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    cr_expect_eq(read(file, text, (size_t)status.st_size), status.st_size);
    cr_expect_not_null(strstr(text, "[a.b] 4999 "));
    cr_expect_not_null(strstr(text, "[a.b] 5000 "));
    free(text);
    close(file);
}

Test(log_stream, a_fifo_without_a_reader_is_opened_at_once_and_read_later) {
    char path[TEMPORARY_FOLDER_SIZE + 8];
    struct error err;
    snprintf(path, sizeof path, "%s/fifo", temporary_folder());
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_eq(log_open(path, LOG_INFO, &err), 0, "%s", err.text);
    log_numbers(0, 2);
    cr_expect_eq(fcntl(log_fd(), F_GETFL) & O_NONBLOCK, 0);
    struct reading reading = reading_of(open(path, O_RDONLY | O_CLOEXEC));
    read_until(&reading, 1);
    cr_expect_eq(reading.lines, 2);
}

static void *log_many(void *arg) {
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        log_line(LOG_INFO, "a.c", NULL, "text");
    }
    return NULL;
}

Test(log_stream, a_process_that_was_forked_while_others_log_logs) {
    int ends[2];
    pthread_t threads[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    log_to(ends[1]);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    }
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            log_numbers(0, 100);
            _exit(7);
        }
        int status;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}
