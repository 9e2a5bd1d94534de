#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/cgi/environ_filter.h"

Test(environ_filter, each_name_has_its_rule) {
    static const struct {
        const char *name;
        enum environ_rule rule;
    } cases[] = {
        {"QUERY_STRING", ENVIRON_TAKE},
        {"CONTENT_TYPE", ENVIRON_TAKE},
        {"CONTENT_LENGTH", ENVIRON_LENGTH},
        {"HTTP_TRANSFER_ENCODING", ENVIRON_DROP},
        {"REMOTE_USER", ENVIRON_TAKE},
        {"HTTP_HOST", ENVIRON_TAKE},
        {"HTTP_CONTENT_TYPE", ENVIRON_DROP},
        {"HTTP_CONTENT_LENGTH", ENVIRON_DROP},
        {"HTTP_PROXY", ENVIRON_DROP},
        {"HTTP_PROXY_CONNECTION", ENVIRON_TAKE},
        {"http_proxy", ENVIRON_TAKE},
        {"SCRIPT_NAME", ENVIRON_DROP},
        {"PATH_INFO", ENVIRON_DROP},
        {"PATH_TRANSLATED", ENVIRON_TAKE},
        {"FCGI_ROLE", ENVIRON_DROP},
        {"FCGI_HOST_APP", ENVIRON_TAKE},
        {"wsgi.input", ENVIRON_DROP},
        {"wsgi.", ENVIRON_DROP},
        {"fcgi_host.app", ENVIRON_DROP},
        {"wsgiorg.routing_args", ENVIRON_TAKE},
        {"", ENVIRON_DROP},
        {"SERVER_NAME", ENVIRON_HOST},
        {"SERVER_PORT", ENVIRON_NOT_EMPTY},
        {"SERVER_PROTOCOL", ENVIRON_NOT_EMPTY},
        {"REQUEST_METHOD", ENVIRON_METHOD},
        {"HTTPS", ENVIRON_HTTPS},
        {"HTTP_HTTPS", ENVIRON_TAKE},
        {"REQUEST_SCHEME", ENVIRON_SCHEME},
        {"HTTP_COOKIE", ENVIRON_PRIVATE},
        {"HTTP_AUTHORIZATION", ENVIRON_PRIVATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(environ_filter_rule(cases[i].name, strlen(cases[i].name)), cases[i].rule, "%s",
                     cases[i].name);
    }
}

Test(environ_filter, a_name_is_not_read_beyond_its_size) {
    cr_assert_eq(environ_filter_rule("HTTP_PROXYXXX", 10), ENVIRON_DROP);
    cr_assert_eq(environ_filter_rule("HTTP_PROXY", 9), ENVIRON_TAKE);
}

Test(environ_filter, a_server_name_has_no_port) {
    static const struct {
        const char *value, *name;
    } cases[] = {
        {"example.org", "example.org"},
        {"example.org:8080", "example.org"},
        {"127.0.0.1:80", "127.0.0.1"},
        {"[::1]", "[::1]"},
        {"[::1]:8080", "[::1]"},
        {"::1", "::1"},
        {"example.org:", "example.org"}, /* RFC 3986 §3.2.3: a port may be empty */
        {"80", "80"},
        {":80", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = environ_filter_host_size(cases[i].value, strlen(cases[i].value));
        cr_expect_eq(size, strlen(cases[i].name), "%s: %zu", cases[i].value, size);
    }
}

Test(environ_filter, https_is_on_or_one_of_its_like) {
    static const char *const yes[] = {"on", "On", "ON", "1", "yes", "true"};
    static const char *const no[] = {"off", "0", "", "only", "no", "tru"};
    for (size_t i = 0; i < 6; i++) {
        cr_assert(environ_filter_is_https(yes[i], strlen(yes[i])), "%s", yes[i]);
        cr_assert_not(environ_filter_is_https(no[i], strlen(no[i])), "%s", no[i]);
    }
}
