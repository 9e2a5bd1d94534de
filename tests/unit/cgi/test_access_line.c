/** Lines of the access log: what is in them, and that nothing in them can be forged. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/access_line.h"

enum { PARAMS_MAX = 16 };

static struct param s_params[PARAMS_MAX];
static struct request s_request;
static struct access_line s_access;
static char s_line[ACCESS_LINE_BYTES + 1];

const struct param *request_param(const struct request *request, const char *name) {
    return params_find(request->params, request->param_count, name, strlen(name));
}

static void give(const char *name, const char *value, size_t bytes) {
    s_params[s_request.param_count++] =
        (struct param){name, value, (uint32_t)strlen(name), (uint32_t)bytes};
}

static void give_text(const char *name, const char *value) {
    give(name, value, strlen(value));
}

static void setup(void) {
    s_request = (struct request){.params = s_params, .id = "4711-8", .accepted_ns = 1000000};
    s_access = (struct access_line){
        .request = &s_request, .end = REQUEST_COMPLETE, .ended_ns = 13500000, .now_s = 1796046781};
    give_text("REMOTE_ADDR", "192.0.2.1");
    give_text("REQUEST_METHOD", "GET");
    give_text("SERVER_PROTOCOL", "HTTP/1.1");
}

static const char *as_text(void) {
    size_t size = access_line_as_text(&s_access, s_line);
    cr_assert_leq(size, ACCESS_LINE_BYTES);
    cr_assert_eq(memchr(s_line, '\n', size), s_line + size - 1, "one line");
    s_line[size - 1] = '\0';
    return s_line;
}

static const char *as_json(void) {
    static char s_json[1 << 16];
    size_t size;
    char *line = access_line_as_json(&s_access, &size);
    cr_assert_not_null(line);
    cr_assert_eq(memchr(line, '\n', size), line + size - 1, "one line");
    memcpy(s_json, line, size - 1);
    s_json[size - 1] = '\0';
    free(line);
    return s_json;
}

static const char *as_short(bool has_colours) {
    size_t size = access_line_as_short(&s_access, has_colours, s_line);
    cr_assert_leq(size, ACCESS_LINE_BYTES);
    cr_assert_eq(memchr(s_line, '\n', size), s_line + size - 1, "one line");
    s_line[size - 1] = '\0';
    return s_line;
}

#define EXPECT_IN(text, part) cr_expect(strstr(text, part), "%s\nhas no %s", text, part)

TestSuite(access_line, .init = setup);

Test(access_line, as_text_it_is_the_combined_format_with_numbers_behind) {
    give_text("REMOTE_USER", "ann");
    give_text("REQUEST_URI", "/a?b");
    give_text("HTTP_REFERER", "http://x/");
    give_text("HTTP_USER_AGENT", "curl/8");
    give_text("HTTP_TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    s_access.app = "shop";
    s_request.account = (struct request_account){.status = 200,
                                                 .head_bytes = 88,
                                                 .sent_bytes = 600,
                                                 .begun_ns = 3000000,
                                                 .gil_wait_ns = 500000,
                                                 .generation = 3};
    cr_expect_str_eq(as_text(),
                     "192.0.2.1 - ann [30/Nov/2026:13:53:01 +0000] \"GET /a?b HTTP/1.1\" 200 512 "
                     "\"http://x/\" \"curl/8\" app=shop gen=3 req=4711-8 ms=12.500 queue_ms=2.000 "
                     "gil_ms=0.500 trace=4bf92f3577b34da6a3ce929d0e0e4736");
}

Test(access_line, short_it_is_what_a_developer_looks_for) {
    give_text("REQUEST_URI", "/a?b");
    s_request.account.status = 200;
    cr_expect_str_eq(as_short(false), "GET /a?b 200 12.5 ms");
    cr_expect_str_eq(as_short(true), "GET /a?b \033[32m200\033[0m 12.5 ms");
    s_access.end = REQUEST_CUT;
    cr_expect_str_eq(as_short(false), "GET /a?b 200 12.5 ms cut");
}

Test(access_line, a_short_line_can_be_forged_as_little) {
    static char long_value[60000];
    give("REQUEST_URI", "/a 200\n\x1b[32mGET /b\xc2\x9b", 20);
    s_request.account.status = 404;
    cr_expect_str_eq(as_short(true), "GET /a\\x20200\\x0a\\x1b[32mGET\\x20/b\\xc2\\x9b "
                                     "\033[33m404\033[0m 12.5 ms");
    memset(long_value, '"', sizeof long_value);
    s_params[s_request.param_count - 1].value = long_value;
    s_params[s_request.param_count - 1].value_bytes = sizeof long_value;
    EXPECT_IN(as_short(false), "... 404 12.5 ms");
}

Test(access_line, what_is_not_known_is_a_hyphen_or_left_out) {
    s_request.param_count = 0;
    s_request.account.status = 404;
    cr_expect_str_eq(as_text(), "- - - [30/Nov/2026:13:53:01 +0000] \"- - -\" 404 0 \"-\" \"-\" "
                                "req=4711-8 ms=12.500 queue_ms=12.500 gil_ms=0.000");
}

Test(access_line, no_field_can_look_like_the_end_of_one_or_of_a_line) {
    give("REQUEST_URI", "/a\" 200 1\n\x1b[0m\0\xff\\", 17);
    give_text("HTTP_USER_AGENT", "x\" app=other\r\nfake line \xc2\x9b");
    EXPECT_IN(as_text(), "GET /a\\\"\\x20200\\x201\\x0a\\x1b[0m\\x00\\xff\\\\ HTTP/1.1\" ");
    EXPECT_IN(s_line, "\"x\\\" app=other\\x0d\\x0afake line \\xc2\\x9b\" req=");
}

Test(access_line, long_values_are_cut_and_the_line_stays_whole) {
    static char long_value[60000];
    memset(long_value, '"', sizeof long_value);
    give("REQUEST_URI", long_value, sizeof long_value);
    give("HTTP_REFERER", long_value, sizeof long_value);
    give("HTTP_USER_AGENT", long_value, sizeof long_value);
    s_access.app = "shop";
    EXPECT_IN(as_text(), "... HTTP/1.1\" ");
    EXPECT_IN(s_line, " app=shop req=4711-8 ms=12.500");
}

Test(access_line, a_url_that_the_server_does_not_give_is_put_together) {
    s_request.script_name = slice_of("/shop");
    s_request.path_info = slice_of("/a b");
    give_text("QUERY_STRING", "q=1");
    EXPECT_IN(as_text(), "\"GET /shop/a\\x20b?q=1 HTTP/1.1\"");
}

Test(access_line, a_response_that_was_never_begun_is_the_clients_or_the_hosts_fault) {
    s_access.end = REQUEST_CUT;
    EXPECT_IN(as_text(), "\" 499 0 ");
    EXPECT_IN(s_line, " cut");
    s_access.end = REQUEST_OVERLOADED;
    EXPECT_IN(as_text(), "\" 503 0 ");
}

Test(access_line, the_wait_for_the_gil_is_a_part_of_the_wait) {
    s_request.account = (struct request_account){.begun_ns = 2000000, .gil_wait_ns = 9000000};
    EXPECT_IN(as_text(), " queue_ms=1.000 gil_ms=1.000");
}

Test(access_line, a_traceparent_that_is_wrong_is_left_out) {
    static const char *const wrong[] = {
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7-01",
        "00",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        give_text("HTTP_TRACEPARENT", wrong[i]);
        cr_expect_not(strstr(as_text(), "trace="), "%s", s_line);
        cr_expect_not(strstr(as_json(), "trace_id"));
    }
}

Test(access_line, as_json_it_has_opentelemetrys_names) {
    give_text("REQUEST_URI", "/a\"b?c=d");
    give_text("QUERY_STRING", "c=d");
    give_text("HTTP_USER_AGENT", "curl\n8");
    give_text("SERVER_NAME", "shop.example");
    give_text("HTTP_TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    s_access.app = "shop";
    s_request.account =
        (struct request_account){.status = 201, .head_bytes = 8, .sent_bytes = 9, .generation = 2};
    const char *json = as_json();
    EXPECT_IN(json,
              "\"http.request.method\":\"GET\",\"url.path\":\"/a\\\"b\",\"url.query\":\"c=d\","
              "\"network.protocol.version\":\"1.1\",\"http.response.status_code\":201,"
              "\"http.response.body.size\":1,\"client.address\":\"192.0.2.1\","
              "\"server.address\":\"shop.example\",\"user_agent.original\":\"curl\\n8\","
              "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
              "\"parent_span_id\":\"00f067aa0ba902b7\","
              "\"http.server.request.duration\":0.012500,");
    EXPECT_IN(json, "\"fcgi_host.request_id\":\"4711-8\",\"fcgi_host.app\":\"shop\","
                    "\"fcgi_host.generation\":2}");
}
