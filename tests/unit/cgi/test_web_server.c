/* SERVER_SOFTWARE of other servers: tests/fixtures/. */
#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/cgi/web_server.h"

static bool takes_errors(const char *software) {
    return web_server_takes_errors((struct slice){software, strlen(software)});
}

Test(web_server, haproxy_before_2_9_gets_no_errors) {
    static const char *const no[] = {"HAProxy 2.6.12-1+deb12u4",
                                     "HAProxy 2.2.29",
                                     "HAProxy 1.9",
                                     "HAProxy 2.8.16-0ubuntu0.24.04.1",
                                     "HAProxy ",
                                     "HAProxy 2",
                                     "HAProxy 2."};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        cr_expect_not(takes_errors(no[i]), "%s", no[i]);
    }
}

Test(web_server, everybody_else_does) {
    static const char *const yes[] = {"HAProxy 2.9.0",
                                      "HAProxy 2.10",
                                      "HAProxy 3.0.11-1+deb13u1",
                                      "HAProxy 3.5-dev5",
                                      "lighttpd/1.4.69",
                                      "nginx/1.22.1",
                                      "Apache/2.4.62 (Debian)",
                                      "Caddy/2.6.2",
                                      "h2o/2.2.5",
                                      "",
                                      "haproxy",
                                      "HAProxy 99999999999999999999.1"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        cr_expect(takes_errors(yes[i]), "%s", yes[i]);
    }
}

Test(web_server, is_not_read_beyond_its_size) {
    cr_expect(web_server_takes_errors((struct slice){"HAProxy 2.99", 11}));
    cr_expect_not(web_server_takes_errors((struct slice){"HAProxy 2.9", 10}));
}
