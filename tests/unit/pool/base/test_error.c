#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "pool/base/error.h"

Test(error, setting_one_returns_minus_one_and_keeps_code_and_text) {
    struct error err = {.sys_errno = 7};
    cr_expect(eq(int, error_set(&err, ERR_BUSY, "%d of %d", 3, 4), -1));
    cr_expect(eq(int, err.code, ERR_BUSY));
    cr_expect(eq(int, err.sys_errno, 0));
    cr_expect_str_eq(err.text, "3 of 4");
}

Test(error, nobody_needs_to_be_interested) {
    cr_expect(eq(int, error_set(NULL, ERR_BUSY, "x"), -1));
    cr_expect(eq(int, error_set_errno(NULL, EINTR, "x"), -1));
    cr_expect(eq(int, error_prefix(NULL, "x"), -1));
}

Test(error, a_system_error_names_the_call_and_the_reason) {
    struct error err;
    error_set_errno(&err, ENOENT, "open(%s)", "/nowhere");
    cr_expect(eq(int, err.code, ERR_SYSTEM));
    cr_expect(eq(int, err.sys_errno, ENOENT));
    cr_expect_str_eq(err.text, "open(/nowhere): No such file or directory");
}

Test(error, prefixes_are_put_in_front_outermost_first) {
    struct error err;
    error_set(&err, ERR_USAGE, "no such key");
    error_prefix(&err, "line %d", 7);
    error_prefix(&err, "app.conf");
    cr_expect_str_eq(err.text, "app.conf: line 7: no such key");
    cr_expect(eq(int, err.code, ERR_USAGE));
}

Test(error, too_long_a_text_is_cut_and_stays_a_string) {
    static char text[2 * ERROR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    struct error err;
    error_set(&err, ERR_PYTHON, "%s", text);
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_BYTES - 1));
    error_prefix(&err, "where");
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_BYTES - 1));
    cr_expect(eq(int, strncmp(err.text, "where: xxx", 10), 0));
    error_prefix(&err, "%s", text);
    cr_expect(lt(sz, strlen(err.text), ERROR_TEXT_BYTES));
}

Test(error, a_system_error_with_a_very_long_text_stays_a_string) {
    static char text[2 * ERROR_TEXT_BYTES];
    memset(text, 'x', sizeof text - 1);
    struct error err;
    error_set_errno(&err, ENOENT, "%s", text);
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_BYTES - 1));
}
