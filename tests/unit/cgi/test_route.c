/** Which application a request goes to, and how its path is split. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/route_fixture.h"

static const struct app_row s_apps[] = {
    {"root", "", NULL},        {"blog", "/blog", NULL},      {"admin", "/blog/admin", NULL},
    {"shop", "", "shop.test"}, {"api", "/api", "shop.test"}, {NULL, NULL, NULL},
};

Test(route, host_then_longest_mount_decide) {
    static const struct {
        const char *host, *path, *app;
    } cases[] = {
        {"x.test", "/", "root"},
        {"x.test", "", "root"},
        {"x.test", "/blog", "blog"},
        {"x.test", "/blog/", "blog"},
        {"x.test", "/blogs", "root"},
        {"x.test", "/blog/admin", "admin"},
        {"x.test", "/blog/admin/x", "admin"},
        {"x.test", "/blog/administrator", "blog"},
        {"x.test", "/BLOG", "root"},
        {"x.test", "//blog", "root"},
        {"x.test", "/blog//admin", "blog"},
        {"x.test", "/blog/../etc", "blog"},
        {"shop.test", "/", "shop"},
        {"shop.test", "/blog", "shop"},
        {"shop.test", "/api/1", "api"},
        {"SHOP.Test", "/api/1", "api"},
        {"shop.test:8080", "/api/1", "api"},
        {"shop.test.", "/api/1", "api"},
        {"shop.test.:80", "/api/1", "api"},
        {"xshop.test", "/api/1", "root"},
        {"shop.tes", "/api/1", "root"},
        {"[::1]:80", "/blog", "blog"},
        {":", "/blog", "blog"},
    };
    struct fixture f = {0};
    begin(&f, s_apps);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r =
            ROUTE(&f, "HTTP_HOST", cases[i].host, "SCRIPT_NAME", "", "PATH_INFO", cases[i].path);
        cr_expect_str_eq(app_of(&r), cases[i].app, "%s %s: %s", cases[i].host, cases[i].path,
                         app_of(&r));
        clear(&r);
    }
    router_free(f.router);
}

Test(route, server_name_stands_in_for_a_missing_host) {
    struct fixture f = {0};
    begin(&f, s_apps);
    struct route r = ROUTE(&f, "SERVER_NAME", "shop.test", "PATH_INFO", "/api");
    cr_expect_str_eq(app_of(&r), "api");
    r = ROUTE(&f, "SERVER_NAME", "shop.test", "HTTP_HOST", "x.test", "PATH_INFO", "/api");
    cr_expect_str_eq(app_of(&r), "root");
    r = ROUTE(&f, "SERVER_NAME", "shop.test", "HTTP_HOST", "", "PATH_INFO", "/api");
    cr_expect_str_eq(app_of(&r), "api");
    router_free(f.router);
}

Test(route, the_web_server_may_name_the_application) {
    struct fixture f = {0};
    begin(&f, s_apps);
    struct route r =
        ROUTE(&f, "FCGI_HOST_APP", "shop", "HTTP_HOST", "x.test", "PATH_INFO", "/blog");
    cr_expect_str_eq(app_of(&r), "shop");
    r = ROUTE(&f, "FCGI_HOST_APP", "unknown", "HTTP_HOST", "x.test", "PATH_INFO", "/blog");
    cr_expect_eq(r.kind, ROUTE_NONE, "an unknown name matches nothing");
    r = ROUTE(&f, "FCGI_HOST_APP", "", "HTTP_HOST", "x.test", "PATH_INFO", "/blog");
    cr_expect_eq(r.kind, ROUTE_NONE);
    r = ROUTE(&f, "HTTP_FCGI_HOST_APP", "shop", "HTTP_HOST", "x.test", "PATH_INFO", "/blog");
    cr_expect_str_eq(app_of(&r), "blog", "a client's header names nothing");
    router_free(f.router);
}

Test(route, the_only_application_gets_what_nothing_else_matches) {
    static const struct app_row one[] = {{"blog", "/blog", "blog.test"}, {NULL, NULL, NULL}};
    static const struct app_row two[] = {
        {"blog", "/blog", NULL}, {"shop", "/shop", NULL}, {NULL, NULL, NULL}};
    struct fixture f = {0};
    begin(&f, one);
    struct route r = ROUTE(&f, "HTTP_HOST", "x", "SCRIPT_NAME", "", "PATH_INFO", "/other");
    cr_expect_str_eq(app_of(&r), "blog");
    cr_expect_eq(r.script_name.size, 0);
    router_free(f.router);
    f = (struct fixture){0};
    begin(&f, two);
    r = ROUTE(&f, "HTTP_HOST", "x", "SCRIPT_NAME", "", "PATH_INFO", "/other");
    cr_expect_eq(r.kind, ROUTE_NONE);
    cr_expect_null(r.path_storage);
    router_free(f.router);
}

Test(route, the_first_of_two_without_a_mount_gets_what_names_none) {
    static const struct app_row rows[] = {{"a", "", NULL}, {"b", "", NULL}, {NULL, NULL, NULL}};
    struct fixture f = {0};
    begin(&f, rows);
    struct route r = ROUTE(&f, "PATH_INFO", "/x");
    cr_expect_str_eq(app_of(&r), "a");
    router_free(f.router);
}

Test(route, the_status_page_has_one_exact_path) {
    static const struct {
        const char *script_name, *path_info;
        enum request_role role;
        enum route_kind kind;
    } cases[] = {
        {"", "/-/status", ROLE_RESPONDER, ROUTE_STATUS},
        {"/-/status", "", ROLE_RESPONDER, ROUTE_STATUS},
        {"/-", "/status", ROLE_RESPONDER, ROUTE_STATUS},
        {"", "/-/status/", ROLE_RESPONDER, ROUTE_APPLICATION},
        {"", "/-/status2", ROLE_RESPONDER, ROUTE_APPLICATION},
        {"", "/-/Status", ROLE_RESPONDER, ROUTE_APPLICATION},
        {"", "/-/status", ROLE_AUTHORIZER, ROUTE_APPLICATION},
    };
    struct fixture f = {.config.status_path = (char *)"/-/status"};
    begin(&f, s_apps);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r =
            route(&f, cases[i].role,
                  PARAMS("SCRIPT_NAME", cases[i].script_name, "PATH_INFO", cases[i].path_info),
                  resolve_nothing);
        cr_expect_eq(r.kind, cases[i].kind, "%s + %s", cases[i].script_name, cases[i].path_info);
        clear(&r);
    }
    router_free(f.router);
}

static bool is_slice(struct slice slice, const char *text) {
    return slice.size == strlen(text) && memcmp(slice.bytes, text, slice.size) == 0;
}

Test(route, script_name_and_path_info_make_up_the_full_path) {
    static const struct {
        const char *app, *script_name, *path_info, *expected_name, *expected_info;
    } cases[] = {
        {"blog", "", "/blog/a", "/blog", "/a"},
        {"blog", "/blog", "/a", "/blog", "/a"},
        {"blog", "/blog/a", "", "/blog", "/a"},
        {"blog", "/blog/a", "/b", "/blog", "/a/b"}, /* the alias is deeper than the mount */
        {"blog", "/bl", "og/a", "/blog", "/a"},
        {"blog", "/blog", "", "/blog", ""},
        {"blog", "", "/blog", "/blog", ""},
        {"blog", "/blog", "//a", "/blog", "//a"},
        {"blog", "", "/blog//a/../b", "/blog", "//a/../b"},
        {"blog", "/elsewhere", "/x", "/elsewhere", "/x"}, /* named, not below its mount */
        {"root", "", "/a/b", "", "/a/b"},
        {"root", "/a/b", "", "", "/a/b"},
        {"root", "/alias", "/b", "/alias", "/b"},
        {"root", "", "", "", ""},
        {"root", "//", "", "", "//"},
        {"root", "", "//a", "", "//a"},
        {"root", "", "relative", "", "relative"},
    };
    struct fixture f = {0};
    begin(&f, s_apps);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r = ROUTE(&f, "FCGI_HOST_APP", cases[i].app, "SCRIPT_NAME",
                               cases[i].script_name, "PATH_INFO", cases[i].path_info);
        cr_expect(is_slice(r.script_name, cases[i].expected_name), "case %zu: SCRIPT_NAME %.*s", i,
                  (int)r.script_name.size, r.script_name.bytes);
        cr_expect(is_slice(r.path_info, cases[i].expected_info), "case %zu: PATH_INFO %.*s", i,
                  (int)r.path_info.size, r.path_info.bytes);
        clear(&r);
    }
    router_free(f.router);
}

Test(route, the_path_of_request_uri_is_resolved_as_web_servers_do) {
    /* An authorizer that were shown another path than the one served could be led to let it pass.
     * Expected: RFC 3986 §5.2.4 after §2.1. */
    static const struct {
        const char *uri, *path;
    } cases[] = {
        {"/a/b?x=/y", "/a/b"},
        {"/%61dmin", "/admin"},
        {"/public/../admin", "/admin"},
        {"/public/%2e%2E/admin", "/admin"},
        {"/a/./b", "/a/b"},
        {"/a/b/..", "/a/"},
        {"/a/b/.", "/a/b/"},
        {"/../../etc", "/etc"},
        {"//a///b", "/a/b"},
        {"/", "/"},
        {"/..", "/"},
        {"//", "/"},
        {"/a/", "/a/"},
        {"/a%2Fb", "/a/b"},
        {"/100%", "/100%"},
        {"/%zz%4", "/%zz%4"},
        {"http://h:80/a?b", "/a"},
        {"http://h", "/"},
        {"*", "*"},
        {"/a/..b/...", "/a/..b/..."},
    };
    struct fixture f = {0};
    begin(&f, s_apps);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r =
            route(&f, ROLE_AUTHORIZER, PARAMS("REQUEST_URI", cases[i].uri), resolve_nothing);
        cr_expect(is_slice(r.path_info, cases[i].path), "%s: %.*s", cases[i].uri,
                  (int)r.path_info.size, r.path_info.bytes);
        clear(&r);
    }
    router_free(f.router);
}

Test(route, the_last_of_two_parameters_with_one_name_counts) {
    struct fixture f = {0};
    begin(&f, s_apps);
    struct route r = ROUTE(&f, "SCRIPT_NAME", "/blog", "SCRIPT_NAME", "", "PATH_INFO", "/x");
    cr_expect_str_eq(app_of(&r), "root");
    router_free(f.router);
}
