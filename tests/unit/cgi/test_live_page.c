/* Which responses get the script, and what becomes of their headers: RFC 9110 §8.4 (encodings),
   §8.6 (Content-Length), §8.8 (validators); Fetch Metadata §2.1 (Sec-Fetch-Dest). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/live_page.h"

static struct response s_response;
static struct live_page s_page;
static struct error s_err;

static void set_up(void) {
    response_init(&s_response);
}

static void tear_down(void) {
    live_page_clear(&s_page);
    response_clear(&s_response);
}

TestSuite(live_page, .init = set_up, .fini = tear_down);

/* Headers: "Name: value", NULL-ended. */
static enum live_page_answer make(const char *status, const char *const *headers) {
    tear_down();
    response_set_status(&s_response, slice_of(status), &s_err);
    for (; *headers; headers++) {
        const char *colon = strchr(*headers, ':');
        struct slice name = {*headers, (size_t)(colon - *headers)};
        cr_assert_eq(response_add_header(&s_response, name, slice_of(colon + 2), &s_err), 0);
    }
    return live_page_make(&s_response, (struct live_mark){3, 42}, &s_page);
}
#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static enum live_page_answer make_typed(const char *type) {
    char header[128];
    snprintf(header, sizeof header, "Content-Type: %s", type);
    return make("200 OK", HEADERS(header));
}

static bool tag_has(const char *text) {
    return memmem(s_page.tag, s_page.tag_bytes, text, strlen(text)) != NULL;
}

Test(live_page, is_html_in_an_encoding_that_ascii_is_part_of) {
    static const char *const good[] = {"text/html",
                                       "Text/HTML; charset=utf-8",
                                       "text/html;charset=\"UTF-8\"",
                                       "text/html; x=y",
                                       "text/html ; charset = iso-8859-1",
                                       "text/html; charset=",
                                       "text/html; charset=Shift_JIS"};
    static const char *const bad[] = {"text/plain",
                                      "application/json",
                                      "application/xhtml+xml",
                                      "text/htmlx",
                                      "text/html; charset=utf-16",
                                      "text/html; charset=\"UTF-16LE\"",
                                      "text/html; x=y; charset=UTF-32",
                                      "text/html; charset=iso-2022-jp",
                                      "text/html; charset=utf-7"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        cr_expect_eq(make_typed(good[i]), LIVE_PAGE_MADE, "%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(make_typed(bad[i]), LIVE_PAGE_NONE, "%s", bad[i]);
    }
    cr_expect_eq(make("200 OK", HEADERS("X-Type: text/html")), LIVE_PAGE_NONE);
}

#define HTML "Content-Type: text/html"

Test(live_page, has_a_body_that_is_whole_and_plain) {
    cr_expect_eq(make("404 Not Found", HEADERS(HTML)), LIVE_PAGE_MADE);
    cr_expect_eq(make("500 Oh", HEADERS(HTML)), LIVE_PAGE_MADE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "Content-Encoding: identity")), LIVE_PAGE_MADE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "Content-Disposition: inline")), LIVE_PAGE_MADE);
    cr_expect_eq(make("204 No Content", HEADERS(HTML)), LIVE_PAGE_NONE);
    cr_expect_eq(make("304 Not Modified", HEADERS(HTML)), LIVE_PAGE_NONE);
    cr_expect_eq(make("206 Partial Content", HEADERS(HTML)), LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "Content-Length: 0")), LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "content-encoding: gzip")), LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "Content-Range: bytes 0-1/9")), LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "Content-Disposition: Attachment; filename=x")),
                 LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "X-Sendfile: /x.html")), LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "X-Accel-Redirect: /x.html")), LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, HTML)), LIVE_PAGE_NONE);
}

static void expect_head(const char *expected) {
    cr_assert_eq(s_response.size, strlen(expected), "%.*s", (int)s_response.size, s_response.head);
    cr_assert_arr_eq(s_response.head, expected, strlen(expected));
}

Test(live_page, validators_are_left_out_and_nothing_else) {
    cr_expect_eq(make("200 OK", HEADERS("ETag: \"x\"", HTML, "last-modified: today",
                                        "Last-Modified: twice", "X-Etag: y", "Content-Length: 9")),
                 LIVE_PAGE_MADE);
    expect_head("Status: 200 OK\r\nContent-Type: text/html\r\nX-Etag: y\r\n");
    cr_expect_eq(s_response.content_length, 9);
}

Test(live_page, headers_stay_where_the_script_is_not) {
    cr_expect_eq(make("304 Not Modified", HEADERS("ETag: \"x\"", HTML)), LIVE_PAGE_NONE);
    expect_head("Status: 304 Not Modified\r\nETag: \"x\"\r\nContent-Type: text/html\r\n");
    cr_expect_eq(make("200 OK", HEADERS("ETag: \"x\"", "Content-Type: a/b")), LIVE_PAGE_NONE);
    expect_head("Status: 200 OK\r\nETag: \"x\"\r\nContent-Type: a/b\r\n");
}

Test(live_page, the_script_is_as_the_policy_allows) {
#define CSP(policy) HEADERS(HTML, "Content-Security-Policy: " policy)
    cr_expect_eq(make("200 OK", HEADERS(HTML)), LIVE_PAGE_MADE);
    cr_expect(tag_has("<script data-live=\"3-42\">(function"));
    cr_expect(tag_has("</script>\n"));
    cr_expect_eq(make("200 OK", CSP("script-src 'nonce-abc'")), LIVE_PAGE_MADE);
    cr_expect(tag_has("<script nonce=\"abc\" data-live=\"3-42\">(function"));
    cr_expect_eq(make("200 OK", CSP("default-src 'self'")), LIVE_PAGE_MADE);
    cr_expect(tag_has("<script src=\"/.fcgi_host/live.js\" data-live=\"3-42\"></script>\n"));
    cr_expect_eq(make("200 OK", CSP("default-src 'none'")), LIVE_PAGE_FORBIDDEN);
    cr_expect_eq(make("200 OK", HEADERS("Content-Security-Policy: default-src 'none'",
                                        "Content-Type: text/plain")),
                 LIVE_PAGE_NONE);
    cr_expect_eq(make("200 OK", HEADERS(HTML, "Content-Security-Policy-Report-Only: sandbox")),
                 LIVE_PAGE_MADE);
}

/* ---- Where it stands ---- */

/* The page with "#" for the script, sent in blocks of `step` bytes. */
static char *placed(const char *page, size_t step) {
    char *text = NULL;
    size_t size, all = strlen(page);
    FILE *out = open_memstream(&text, &size);
    cr_assert_eq(make("200 OK", HEADERS(HTML)), LIVE_PAGE_MADE);
    for (size_t at = 0; at == 0 || at < all; at += step) {
        struct iovec parts[LIVE_PARTS];
        size_t count = all - at < step ? all - at : step;
        int parts_count = live_page_place(&s_page, page + at, count, at + step >= all, parts);
        for (int i = 0; i < parts_count; i++) {
            cr_assert_gt(parts[i].iov_len, 0);
            if (parts[i].iov_base == s_page.tag) {
                fputc('#', out);
            } else {
                fwrite(parts[i].iov_base, 1, parts[i].iov_len, out);
            }
        }
    }
    fclose(out);
    return text;
}

static void expect_placed(const char *expected, const char *page) {
    for (size_t step = 1; step <= strlen(page) + 1; step++) {
        char *text = placed(page, step);
        cr_expect_str_eq(text, expected, "in blocks of %zu", step);
        free(text);
    }
}

Test(live_page, the_script_stands_behind_the_body_or_at_the_end_once) {
    expect_placed("<body>x</BODY >#</html>", "<body>x</BODY ></html>");
    expect_placed("</body>#</body>", "</body></body>");
    expect_placed("<p>a fragment#", "<p>a fragment");
    expect_placed("<script>'</body>'</script>#", "<script>'</body>'</script>");
    expect_placed("#", "");
}

Test(live_page, a_page_of_the_hosts_own_gets_it_at_its_end) {
    char *text = strdup("<p>oh");
    size_t size = 5;
    live_page_append((struct live_mark){1, 7}, &text, &size);
    cr_assert_gt(size, 5);
    cr_expect_arr_eq(text, "<p>oh<script data-live=\"1-7\">", 28);
    cr_expect_arr_eq(text + size - 10, "</script>\n", 10);
    free(text);
}

/* ---- Requests ---- */

static bool is_asked(const char *const *params) {
    struct param list[8];
    struct request request = {.params = list, .role = ROLE_RESPONDER};
    for (; *params; params++) {
        const char *equals = strchr(*params, '=');
        list[request.param_count++] = (struct param){
            .name = *params,
            .name_bytes = (uint32_t)(equals - *params),
            .value = equals + 1,
            .value_bytes = (uint32_t)strlen(equals + 1),
        };
    }
    return live_page_is_asked(&request);
}

#define GET "REQUEST_METHOD=GET"

Test(live_page, is_asked_for_by_get_for_a_document_or_frame) {
    cr_expect(is_asked(HEADERS(GET)));
    cr_expect(is_asked(HEADERS("REQUEST_METHOD=HEAD")));
    cr_expect(is_asked(HEADERS(GET, "HTTP_SEC_FETCH_DEST=document")));
    cr_expect(is_asked(HEADERS(GET, "HTTP_SEC_FETCH_DEST=iframe")));
    cr_expect_not(is_asked(HEADERS("REQUEST_METHOD=POST")));
    cr_expect_not(is_asked(HEADERS("X=Y")));
    cr_expect_not(is_asked(HEADERS(GET, "HTTP_SEC_FETCH_DEST=empty")));
    cr_expect_not(is_asked(HEADERS(GET, "HTTP_SEC_FETCH_DEST=")));
    cr_expect_not(is_asked(HEADERS(GET, "HTTP_SEC_FETCH_DEST=image")));
    cr_expect_not(is_asked(HEADERS(GET, "HTTP_X_REQUESTED_WITH=XMLHttpRequest")));
}

Test(live_page, an_authorizer_has_none) {
    const struct param get = {"REQUEST_METHOD", "GET", 14, 3};
    const struct request request = {.params = &get, .param_count = 1, .role = ROLE_AUTHORIZER};
    cr_expect_not(live_page_is_asked(&request));
}
