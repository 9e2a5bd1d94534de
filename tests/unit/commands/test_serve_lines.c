/** Lines of the web server of `serve`, told as the host tells its requests. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/base/short_line.h"
#include "fcgi_host/commands/serve_lines.h"

static const char *text_of(const char *line, double time_unit_ms) {
    static char s_text[SERVE_LINE_BYTES + SHORT_LINE_END_BYTES];
    size_t size = serve_line_text(line, strlen(line), time_unit_ms, false, s_text);
    cr_assert_eq(s_text[size - 1], '\n');
    s_text[size - 1] = '\0';
    return s_text;
}

Test(serve_lines, protocol_goes_and_the_time_is_in_milliseconds) {
    cr_expect_str_eq(text_of("GET /a?b HTTP/1.1 200 0.012", 1e3), "GET /a?b 200 12.0 ms");
    cr_expect_str_eq(text_of("HEAD /a HTTP/2.0 304 1500", 1e-3), "HEAD /a 304 1.5 ms");
    cr_expect_str_eq(text_of("GET /a 200 HTTP/1.1 404 0", 1e-3), "GET /a 200 404 0.0 ms");
}

Test(serve_lines, what_is_no_such_line_is_shown_as_it_is) {
    cr_expect_str_eq(text_of("", 1), "");
    cr_expect_str_eq(text_of("word", 1), "word");
    cr_expect_str_eq(text_of("GET 200", 1), "GET 200");
    cr_expect_str_eq(text_of("x 404 7", 1), "x 404 7.0 ms");
}

Test(serve_lines, a_terminal_is_told_nothing) {
    cr_expect_str_eq(text_of("GET /\x1b[2J\x07\x9b HTTP/1.1 200 1", 1), "GET /?[2J?? 200 1.0 ms");
}

/** What serve_lines_pass() writes to standard error. */
static size_t passed(struct serve_lines *lines, bool *ret_is_open, char *ret_text, size_t most) {
    int ends[2], before = dup(STDERR_FILENO);
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    *ret_is_open = serve_lines_pass(lines);
    dup2(before, STDERR_FILENO);
    close(before);
    size_t size = 0;
    for (ssize_t got; (got = read(ends[0], ret_text + size, most - size)) > 0;) {
        size += (size_t)got;
    }
    close(ends[0]);
    return size;
}

Test(serve_lines, lines_come_in_pieces_and_too_long_ones_are_cut_up) {
    static struct serve_lines lines = {.time_unit_ms = 1};
    static char long_line[SERVE_LINE_BYTES + 2], text[2 * SERVE_LINE_BYTES];
    static const char s_one[] = "GET /a HTTP/1.1 200 1\nGET /b HT", s_rest[] = "TP/1.1 200 2\n";
    int ends[2];
    bool is_open;
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    lines.fd = ends[0];
    cr_assert_gt(write(ends[1], s_one, strlen(s_one)), 0);
    size_t size = passed(&lines, &is_open, text, sizeof text);
    cr_expect_eq(size, strlen("GET /a 200 1.0 ms\n"));
    cr_expect(is_open);
    cr_assert_gt(write(ends[1], s_rest, strlen(s_rest)), 0);
    size = passed(&lines, &is_open, text, sizeof text);
    cr_expect_eq(memcmp(text, "GET /b 200 2.0 ms\n", size), 0);
    memset(long_line, 'x', sizeof long_line - 1);
    long_line[sizeof long_line - 1] = '\n';
    cr_assert_eq(write(ends[1], long_line, sizeof long_line), sizeof long_line);
    close(ends[1]);
    size = passed(&lines, &is_open, text, sizeof text);
    cr_expect_eq(size, sizeof long_line + 1);
    cr_expect_not(is_open);
}
