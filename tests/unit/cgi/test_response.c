/* Expected results: PEP 3333 "The start_response() Callable", wsgiref.validate and
   wsgiref.handlers of CPython, RFC 9110 §5.6.2 (token), §8.6 (Content-Length). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/response.h"

static struct response s_response;
static struct error s_err;

static void set_up(void) {
    response_init(&s_response);
}

static void tear_down(void) {
    response_clear(&s_response);
}

TestSuite(response, .init = set_up, .fini = tear_down);

static struct slice slice(const char *text) {
    return (struct slice){text, strlen(text)};
}

static int set_status(const char *status) {
    return response_set_status(&s_response, slice(status), &s_err);
}

static int add(const char *name, const char *value) {
    return response_add_header(&s_response, slice(name), slice(value), &s_err);
}

static void expect_head(const char *expected) {
    cr_assert_eq(response_end_head(&s_response, &s_err), 0);
    cr_assert_eq(s_response.size, strlen(expected), "%.*s", (int)s_response.size, s_response.head);
    cr_assert_arr_eq(s_response.head, expected, strlen(expected));
}

Test(response, head_has_the_form_of_a_cgi_response) {
    cr_assert_eq(set_status("200 OK"), 0);
    cr_assert_eq(add("Content-Type", "text/plain"), 0);
    cr_assert_eq(add("X-Empty", ""), 0);
    cr_assert_eq(s_response.status, 200);
    expect_head("Status: 200 OK\r\nContent-Type: text/plain\r\nX-Empty: \r\n\r\n");
}

Test(response, the_status_comes_behind_a_location) {
    /* HAProxy 2.6 makes status 302 of one that a Location follows: its src/h1_htx.c. */
    cr_assert_eq(set_status("201 Created"), 0);
    cr_assert_eq(add("location", "/made/1"), 0);
    cr_assert_eq(add("X-Long", "x"), 0);
    cr_assert_eq(add("Content-Length", "4"), 0);
    expect_head("location: /made/1\r\nX-Long: x\r\nStatus: 201 Created\r\n"
                "Content-Length: 4\r\n\r\n");
}

Test(response, the_status_comes_behind_a_location_in_a_long_head) {
    char value[2 * RESPONSE_INLINE_BYTES], expected[3 * RESPONSE_INLINE_BYTES];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    cr_assert_eq(set_status("308 Permanent Redirect"), 0);
    cr_assert_eq(add("Location", value), 0);
    snprintf(expected, sizeof expected, "Location: %s\r\nStatus: 308 Permanent Redirect\r\n\r\n",
             value);
    expect_head(expected);
}

Test(response, status_is_three_digits_a_space_and_a_reason) {
    static const char *const good[] = {"200 OK",           "404 ",    "999 Message here", "200",
                                       "418 I'm a teapot", "200 \xe9"};
    static const char *const bad[] = {"",        "20",     "OK",     "2000 OK", "20 OK", " 200",
                                      "200\tOK", "-20 OK", "2x0 OK", "099 Low", "200-OK"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_assert_eq(set_status(good[i]), 0, "%s", good[i]);
        cr_assert_eq(s_response.status, atoi(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(set_status(bad[i]), -1, "%s", bad[i]);
        cr_assert_eq(s_err.code, ERR_PROTOCOL);
        cr_assert_eq(s_response.status, 0);
    }
}

Test(response, an_interim_status_is_refused) {
    static const char *const bad[] = {"100 Continue", "101 Switching Protocols", "103 Early Hints",
                                      "199 x", "100"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(set_status(bad[i]), -1, "%s", bad[i]);
        cr_assert_eq(s_err.code, ERR_PROTOCOL);
        cr_assert_eq(s_response.status, 0);
    }
}

Test(response, a_status_without_a_reason_gets_the_standard_one) {
    cr_assert_eq(set_status("404"), 0);
    expect_head("Status: 404 Not Found\r\n\r\n");
    cr_assert_eq(set_status("299"), 0);
    expect_head("Status: 299 Unknown\r\n\r\n");
}

Test(response, control_characters_cannot_split_the_head) {
    for (int c = 0; c < 256; c++) {
        bool is_control = c < 0x20 || c == 0x7f;
        char status[] = {'2', '0', '0', ' ', 'a', (char)c, 'b'};
        char value[] = {'a', (char)c, 'b'};
        char last[] = {'a', (char)c};
        int expected = is_control ? -1 : 0;
        cr_assert_eq(
            response_set_status(&s_response, (struct slice){status, sizeof status}, &s_err),
            expected, "status with %#x", c);
        cr_assert_eq(response_add_header(&s_response, slice("A"),
                                         (struct slice){value, sizeof value}, &s_err),
                     expected, "value with %#x", c);
        cr_assert_eq(
            response_add_header(&s_response, slice("A"), (struct slice){last, sizeof last}, &s_err),
            expected, "value that ends in %#x", c);
    }
}

Test(response, names_are_tokens) {
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int c = 0; c < 256; c++) {
        char name[] = {'X', (char)c};
        int expected = c && strchr(token, c) ? 0 : -1;
        cr_assert_eq(response_add_header(&s_response, (struct slice){name, 2}, slice("v"), &s_err),
                     expected, "name with %#x", c);
    }
    cr_assert_eq(add("", "v"), -1);
}

Test(response, a_status_header_is_refused) {
    /* wsgiref.validate.check_headers() */
    static const char *const names[] = {"Status", "STATUS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(add(names[i], "x"), -1, "%s", names[i]);
        cr_assert_neq(strstr(s_err.text, names[i]), NULL);
    }
}

Test(response, hop_by_hop_headers_are_left_out) {
    /* wsgiref.util.is_hop_by_hop() */
    static const char *const names[] = {
        "connection",        "Keep-Alive", "Proxy-Authenticate",  "TE",     "Trailers",
        "Transfer-Encoding", "Upgrade",    "Proxy-Authorization", "Trailer"};
    set_status("200 OK");
    cr_assert_null(s_response.left_out);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        s_response.left_out = NULL;
        cr_assert_eq(add(names[i], "x"), 0, "%s", names[i]);
        cr_assert_not_null(s_response.left_out, "%s", names[i]);
    }
    cr_assert_eq(add("Connection", "a\nb"), -1, "wrong ones are errors as well");
    expect_head("Status: 200 OK\r\n\r\n");
    response_clear(&s_response);
    cr_assert_null(s_response.left_out);
    cr_assert_eq(add("Status-X", "x"), 0);
    cr_assert_eq(add("Connections", "x"), 0);
}

Test(response, content_length_is_kept_as_a_number) {
    set_status("200 OK");
    cr_assert_eq(add("content-LENGTH", "0042"), 0);
    cr_assert_eq(s_response.content_length, 42);
    cr_assert_eq(add("Content-Length", "42"), 0);
    expect_head("Status: 200 OK\r\nContent-Length: 42\r\n\r\n");
}

Test(response, content_length_must_be_one_number) {
    static const char *const bad[] = {"",   "x",   "-1",   "+1",  "1 ",
                                      " 1", "1.0", "0x10", "1,1", "9999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(add("Content-Length", bad[i]), -1, "'%s'", bad[i]);
    }
    cr_assert_eq(add("Content-Length", "1"), 0);
    cr_assert_eq(add("Content-Length", "2"), -1);
}

Test(response, content_length_of_a_status_without_a_body_is_left_out) {
    set_status("204 No Content");
    s_response.content_length = 0;
    expect_head("Status: 204 No Content\r\n\r\n");
}

Test(response, content_length_of_not_modified_describes_the_other_response) {
    set_status("304 Not Modified");
    add("Content-Length", "10");
    expect_head("Status: 304 Not Modified\r\nContent-Length: 10\r\n\r\n");
}

Test(response, statuses_without_a_body) {
    for (int status = 100; status < 600; status++) {
        bool expected = status >= 200 && status != 204 && status != 304;
        cr_assert_eq(response_status_has_body(status), expected, "%d", status);
    }
}

Test(response, a_long_head_is_whole) {
    static char value[5000];
    memset(value, 'v', sizeof value - 1);
    set_status("200 OK");
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(add("X-Long", value), 0);
    }
    cr_assert_eq(response_end_head(&s_response, &s_err), 0);
    cr_assert_eq(s_response.size, strlen("Status: 200 OK\r\n") + 20 * (8 + 4999 + 2) + 2);
    cr_assert_arr_eq(s_response.head, "Status: 200 OK\r\nX-Long: vv", 26);
    cr_assert_arr_eq(s_response.head + s_response.size - 5, "v\r\n\r\n", 5);
}

Test(response, a_second_status_starts_anew) {
    set_status("200 OK");
    add("A", "1");
    add("Content-Length", "5");
    set_status("500 Oops");
    cr_assert_eq(s_response.content_length, -1);
    expect_head("Status: 500 Oops\r\n\r\n");
}
