#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fcgi_host/base/c_locale.h"
#include "fcgi_host/base/json.h"
#include "fcgi_host/base/json_read.h"
#include "fcgi_host/base/log.h"
#include "tests/support/temporary_folder.h"

/* A locale in glibc's own format, since a machine may have none with a comma: a magic number, the
 * count of values, where each is, then the values. */
static void write_locale(const char *folder, const char *point) {
    struct {
        uint32_t magic, count, at[6];
        char point[4], separator[4], grouping[4];
        uint32_t wide_point, wide_separator;
        char codeset[8];
    } numeric = {
        .magic = 0x20031115 ^ LC_NUMERIC,
        .count = 6,
        .at = {32, 36, 40, 44, 48, 52},
        .separator = ".",
        .grouping = "\3",
        .wide_point = ',',
        .wide_separator = '.',
        .codeset = "UTF-8",
    };
    char path[128];
    memcpy(numeric.point, point, strlen(point) + 1);
    snprintf(path, sizeof path, "%s/comma", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/comma/LC_NUMERIC", folder);
    FILE *file = fopen(path, "w");
    cr_assert_eq(fwrite(&numeric, sizeof numeric, 1, file), 1);
    cr_assert_eq(fclose(file), 0);
}

static void set_locale(const char *point) {
    const char *folder = temporary_folder();
    char text[16], expected[16];
    write_locale(folder, point);
    setenv("LOCPATH", folder, 1);
    cr_assert_not_null(setlocale(LC_NUMERIC, "comma"));
    snprintf(text, sizeof text, "%.1f", 1.5);
    snprintf(expected, sizeof expected, "1%s5", point);
    cr_assert_str_eq(text, expected, "the locale is not what it should be");
}

static void set_comma_locale(void) {
    set_locale(",");
}

/** As Pashto's: the sign has two bytes. */
static void set_wide_locale(void) {
    set_locale("\xd9\xab");
}

Test(c_locale, numbers_have_a_point_whatever_the_locale, .init = set_comma_locale) {
    struct json_writer json = {0};
    json_add_number(&json, NULL, 1234.5);
    cr_assert_str_eq(json.text, "1234.500");
    free(json.text);
}

Test(c_locale, numbers_are_read_with_a_point_whatever_the_locale, .init = set_wide_locale) {
    struct error err;
    json_t *json = json_parse("{\"ms\": 1234.5}", 14, &err);
    cr_assert_not_null(json, "%s", err.text);
    cr_expect_eq(json_get_number(json, "ms"), 1234.5);
    json_decref(json);
}

Test(c_locale, the_log_has_points_whatever_the_locale, .init = set_comma_locale) {
    int ends[2];
    char line[256] = "";
    cr_assert_eq(pipe(ends), 0);
    int standard_error = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    log_line(LOG_INFO, "test.line", NULL, "took %.1f ms", 2.5);
    dup2(standard_error, STDERR_FILENO);
    cr_assert_gt(read(ends[0], line, sizeof line - 1), 0);
    cr_assert_not_null(strstr(line, "took 2.5 ms"), "%s", line);
}

Test(c_locale, the_threads_own_locale_is_restored, .init = set_comma_locale) {
    char text[16];
    c_locale_leave(c_locale_enter());
    snprintf(text, sizeof text, "%.1f", 1.5);
    cr_assert_str_eq(text, "1,5");
}
