/** Lines of the log: their form, what is escaped, and what happens to the file. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/base/log_target.h"
#include "fcgi_host/base/log_text.h"
#include "tests/support/temporary_folder.h"

static char s_path[TEMPORARY_FOLDER_SIZE + 8], s_rotated[sizeof s_path];
static char s_text[1 << 16];

static void setup(void) {
    struct error err;
    const char *folder = temporary_folder();
    snprintf(s_path, sizeof s_path, "%s/log", folder);
    snprintf(s_rotated, sizeof s_rotated, "%s/log.1", folder);
    cr_assert_eq(log_open(s_path, LOG_INFO, &err), 0, "%s", err.text);
}

static const char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    size_t size = fread(s_text, 1, sizeof s_text - 1, file);
    s_text[size] = '\0';
    fclose(file);
    return s_text;
}

TestSuite(log, .init = setup);

Test(log, a_line_has_time_level_process_subject_slug_and_text) {
    static const char s_form[] =
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
        "warn [0-9]+ app=blog gen=3 req=7-1 \\[app.loaded\\] in 5 ms\n$";
    regex_t form;
    cr_assert_eq(regcomp(&form, s_form, REG_EXTENDED | REG_NOSUB), 0);
    log_line(LOG_WARN, "app.loaded",
             &(struct log_about){.app = "blog", .generation = 3, .request_id = "7-1"}, "in %d ms",
             5);
    cr_expect_eq(regexec(&form, read_file(s_path), 0, NULL, 0), 0, "%s", s_text);
    regfree(&form);
}

Test(log, what_is_not_known_is_left_out) {
    char expected[64];
    log_line(LOG_ERROR, "host.failed", NULL, "text");
    snprintf(expected, sizeof expected, "Z error %ld [host.failed] text\n", (long)getpid());
    cr_expect_not_null(strstr(read_file(s_path), expected), "%s", s_text);
}

Test(log, levels_below_the_least_are_left_out) {
    log_line(LOG_DEBUG, "a.b", NULL, "debug");
    log_line(LOG_INFO, "a.b", NULL, "info");
    read_file(s_path);
    cr_expect_null(strstr(s_text, "debug"));
    cr_expect_not_null(strstr(s_text, "info"));
    cr_expect(log_enabled(LOG_ERROR));
    cr_expect_not(log_enabled(LOG_OFF));
}

Test(log, off_lets_nothing_through) {
    struct error err;
    cr_assert_eq(log_open(s_path, LOG_OFF, &err), 0);
    log_line(LOG_ERROR, "a.b", NULL, "error");
    cr_expect_str_empty(read_file(s_path));
}

static const struct {
    const char *text, *logged;
} escapes[] = {
    {"plain", "plain"},
    {"two\nlines", "two\n    lines"},
    {"ends\n\n", "ends"},
    {"\n2026-11-24T00:00:00.000Z error 1 [a.b] forged",
     "\n    2026-11-24T00:00:00.000Z error 1 [a.b] forged"},
    {"\x1b[31mred", "\\x1b[31mred"},
    {"a\r\nb", "a\\x0d\n    b"},
    {"tab\there", "tab\\x09here"},
    {"\x7f", "\\x7f"},
    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d"},
    /* RFC 3629: not UTF-8 */
    {"\xff", "\\xff"},
    {"\xc3(", "\\xc3("},
    {"\xc0\xaf", "\\xc0\\xaf"},
    {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {"\xe2\x82", "\\xe2\\x82"},
    {"\xc2\x9b"
     "31m",
     "\\xc2\\x9b"
     "31m"}, /* CSI as one C1 control character */
};

Test(log, control_characters_and_bytes_that_are_no_text_are_escaped) {
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        char buffer[256];
        size_t size = strlen(escapes[i].text);
        size_t used = log_text_escape(buffer, sizeof buffer, escapes[i].text, size);
        cr_expect_str_eq(buffer, escapes[i].logged);
        cr_expect_eq(used, strlen(escapes[i].logged));
        cr_expect_lt(used, log_text_escaped_bytes(escapes[i].text, size));
    }
}

Test(log, times_are_those_of_the_calendar) {
    for (time_t seconds = 0; seconds < (time_t)400 * 366 * 86400; seconds += 43201) {
        struct tm utc;
        char text[LOG_TEXT_TIME_BYTES], expected[LOG_TEXT_TIME_BYTES];
        log_text_time(text, seconds);
        gmtime_r(&seconds, &utc);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &utc);
        cr_assert_str_eq(text, expected);
    }
}

Test(log, a_subject_is_one_word_and_whole_whatever_it_is_called) {
    static char name[3000];
    memset(name, 'n', sizeof name - 1);
    log_line(LOG_INFO, "app.loaded", &(struct log_about){.app = "a b\nc\xe9"}, "x");
    log_line(LOG_INFO, "app.loaded", &(struct log_about){.app = name}, "y");
    const char *text = read_file(s_path);
    cr_expect_not_null(strstr(text, " app=a\\x20b\\x0ac\\xe9 [app.loaded] x\n"), "%s", text);
    cr_expect_not_null(strstr(text, name));
    cr_expect_not_null(strstr(text, "nnn [app.loaded] y\n"));
}

Test(log, text_that_does_not_fit_is_cut_between_characters) {
    char buffer[8];
    cr_expect_eq(log_text_escape(buffer, sizeof buffer, "abcde\x1b", 6), 5);
    cr_expect_str_eq(buffer, "abcde");
    cr_expect_eq(log_text_escape(buffer, sizeof buffer, "abcdef\xc3\xa9", 8), 6);
    cr_expect_eq(log_text_escape(buffer, 1, "abc", 3), 0);
}

Test(log, a_long_traceback_is_logged_whole) {
    char *text = malloc(20001);
    for (int i = 0; i < 20000; i++) {
        text[i] = i % 50 == 49 ? '\n' : 'x';
    }
    text[20000] = '\0';
    log_line(LOG_INFO, "request.exception", NULL, "%s", text);
    read_file(s_path);
    size_t letters = 0, lines = 0;
    for (const char *c = s_text; *c; c++) {
        letters += *c == 'x';
        lines += *c == '\n';
    }
    cr_expect_eq(letters, 20000 / 50 * 49 + 1); /* and the one of "exception" */
    cr_expect_eq(lines, 400);
    free(text);
}

Test(log, errno_is_left_alone) {
    errno = EPROTO;
    log_line(LOG_INFO, "a.b", NULL, "text");
    cr_expect_eq(errno, EPROTO);
}

Test(log, after_a_rotation_lines_go_to_a_new_file_on_the_same_descriptor) {
    struct error err;
    int fd = log_fd();
    log_line(LOG_INFO, "a.b", NULL, "before");
    cr_assert_eq(rename(s_path, s_rotated), 0);
    cr_assert_eq(log_target_reopen(log_target_find(s_path), &err), 0, "%s", err.text);
    log_line(LOG_INFO, "a.b", NULL, "after");
    cr_expect_not_null(strstr(read_file(s_rotated), "before"));
    cr_expect_null(strstr(s_text, "after"));
    cr_expect_not_null(strstr(read_file(s_path), "after"));
    cr_expect_eq(log_fd(), fd);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

Test(log, a_file_that_cannot_be_opened_again_leaves_the_old_one) {
    struct error err;
    cr_assert_eq(rename(s_path, s_rotated), 0);
    cr_assert_eq(mkdir(s_path, 0755), 0);
    cr_expect_eq(log_target_reopen(log_target_find(s_path), &err), -1);
    cr_expect_eq(err.code, ERR_SYSTEM);
    cr_expect_not_null(strstr(err.text, s_path));
    log_line(LOG_INFO, "a.b", NULL, "still");
    cr_expect_not_null(strstr(read_file(s_rotated), "still"));
}

Test(log, the_file_is_appended_to_and_not_open_to_everybody) {
    struct error err;
    struct stat status;
    log_line(LOG_INFO, "a.b", NULL, "one");
    cr_assert_eq(log_open(s_path, LOG_INFO, &err), 0);
    log_line(LOG_INFO, "a.b", NULL, "two");
    read_file(s_path);
    cr_expect(strstr(s_text, "one") && strstr(s_text, "two"));
    cr_assert_eq(stat(s_path, &status), 0);
    cr_expect_eq(status.st_mode & 07, 0);
}

static void *write_lines(void *arg) {
    for (int i = 0; i < 500; i++) {
        log_line(LOG_INFO, "a.b", NULL, "%s", (const char *)arg);
    }
    return NULL;
}

Test(log, lines_of_several_threads_do_not_mix_and_none_is_lost_over_reopening) {
    static char one[200], two[200];
    struct error err;
    pthread_t threads[2];
    memset(one, '1', sizeof one - 1);
    memset(two, '2', sizeof two - 1);
    cr_assert_eq(pthread_create(&threads[0], NULL, write_lines, one), 0);
    cr_assert_eq(pthread_create(&threads[1], NULL, write_lines, two), 0);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(log_target_reopen(log_target_find(s_path), &err), 0);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    FILE *file = fopen(s_path, "r");
    char line[512];
    int lines = 0;
    while (fgets(line, sizeof line, file)) {
        const char *text = strstr(line, "[a.b] ") + 6;
        text += strspn(text, text[0] == '1' ? "1" : "2");
        cr_assert_str_eq(text, "\n", "%s", line);
        lines++;
    }
    fclose(file);
    cr_expect_eq(lines, 1000);
}

Test(log, level_names_are_those_of_the_option) {
    enum log_level level;
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(log_level_from_name(names[i], &level), 0);
        cr_expect_eq((int)level, i);
        cr_expect_str_eq(log_level_name(level), names[i]);
    }
    cr_expect_eq(log_level_from_name("loud", &level), -1);
}

/* ---- As JSON ---- */

Test(log, a_line_as_json_is_one_object_with_the_same_parts) {
    log_set_format(LOG_JSON);
    log_line(LOG_WARN, "app.loaded",
             &(struct log_about){.app = "blog", .generation = 3, .request_id = "7-1"},
             "two\nlines \"quoted\" \x1b[0m \xc2\x9b \xff");
    read_file(s_path);
    cr_expect_eq(strchr(s_text, '\n'), s_text + strlen(s_text) - 1, "%s", s_text);
    cr_expect_not_null(strstr(s_text, "\"level\":\"warn\""), "%s", s_text);
    cr_expect_not_null(strstr(s_text, "\"app\":\"blog\",\"generation\":3,\"request_id\":\"7-1\","
                                      "\"event\":\"app.loaded\",\"message\":\"two\\nlines "
                                      "\\\"quoted\\\" \\u001b[0m \\u009b \\ufffd\"}"),
                       "%s", s_text);
}

/* ---- Logs of applications ---- */

Test(log, an_application_may_have_a_target_and_a_level_of_its_own) {
    struct error err;
    const struct log_about shop = {.app = "shop"}, blog = {.app = "blog"};
    cr_assert_eq(log_route("shop", s_rotated, LOG_DEBUG, &err), 0, "%s", err.text);
    cr_assert_eq(log_route("blog", NULL, LOG_ERROR, &err), 0, "%s", err.text);
    cr_expect(log_enabled(LOG_DEBUG), "somewhere");
    log_line(LOG_DEBUG, "a.b", &shop, "of the shop");
    log_line(LOG_WARN, "a.b", &blog, "too mild");
    log_line(LOG_ERROR, "a.b", &blog, "of the blog");
    log_line(LOG_DEBUG, "a.b", NULL, "nobody asked");
    cr_expect(strstr(read_file(s_rotated), "of the shop"));
    read_file(s_path);
    cr_expect(strstr(s_text, "of the blog"));
    cr_expect_not(strstr(s_text, "shop") || strstr(s_text, "mild") || strstr(s_text, "nobody"));
    log_routes_clear();
    cr_expect_not(log_enabled(LOG_DEBUG));
    log_line(LOG_INFO, "a.b", &shop, "once more");
    cr_expect(strstr(read_file(s_path), "once more"));
}

Test(log, two_logs_of_the_same_file_have_one_target) {
    struct error err;
    cr_assert_eq(log_route("shop", s_path, LOG_INFO, &err), 0, "%s", err.text);
    cr_expect_eq(log_target_open(s_path, &err), log_target_find(s_path));
    cr_expect_eq(log_target_next(log_target_find(s_path)), NULL);
}
