/** SCRIPT_NAME and PATH_INFO for what real web servers sent (tests/fixtures/). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/cgi/route.h"
#include "tests/support/param_fixture.h"

/** The files that exist on the machine where the parameters were recorded. */
static char *resolve(const char *path) {
    static const char *const files[] = {"/srv/www/a.py", "/srv/www/below/c.py", "/srv/wrapper.py"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(path, files[i]) == 0) {
            return strdup(path);
        }
    }
    return NULL;
}

struct path {
    const char *target, *path;
};

static const char *find_path(const struct path *paths, size_t count, const char *target) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(target, paths[i].target) == 0) {
            return paths[i].path;
        }
    }
    return NULL;
}

static bool is_of(const char *fixture, const char *server) {
    return strncmp(fixture, server, strlen(server)) == 0;
}

/** Where the newer servers differ from the others: they pass on what was sent, but that h2o
 *  resolves "..", as does Caddy's handle_path. */
static const char *path_as_sent(const char *fixture, const char *target) {
    static const struct path unlike[] = {
        {"/a//b", "/a//b"},       {"/a/../b", "/a/../b"},   {"//", "//"},
        {"/blog//a", "/blog//a"}, {"/a.py//b", "/a.py//b"},
    };
    bool is_newer = is_of(fixture, "haproxy") || is_of(fixture, "caddy") || is_of(fixture, "h2o");
    if (!is_newer || strcmp(fixture, "caddy-prefix") == 0 ||
        (is_of(fixture, "h2o") && strcmp(target, "/a/../b") == 0)) {
        return NULL;
    }
    return find_path(unlike, sizeof unlike / sizeof *unlike, target);
}

/** The decoded path of each request target that is not simply itself without its query: RFC 3986
 *  §2.1; that "//" and ".." are resolved is what lighttpd, nginx and Apache do. */
static const char *path_of(const char *fixture, const char *target) {
    static const struct path paths[] = {
        {"/a/b?x=1", "/a/b"},
        {"/caf%C3%A9/%20", "/caf\xc3\xa9/ "},
        {"/a%2Fb", "/a/b"},
        {"/a//b", "/a/b"},
        {"/a/../b", "/b"},
        {"//", "/"},
        {"/blog/a/b?x=1", "/blog/a/b"},
        {"/blog/a%2Fb", "/blog/a/b"},
        {"/blog//a", "/blog/a"},
        {"/blog/%25", "/blog/%"},
        {"/a.py/b/c?x=1", "/a.py/b/c"},
        {"/a.py/x%20y", "/a.py/x y"},
        {"/a.py/x%2Fy", "/a.py/x/y"},
        {"/a.py//b", "/a.py/b"},
    };
    const char *path = path_as_sent(fixture, target);
    path = path ? path : find_path(paths, sizeof paths / sizeof *paths, target);
    return path ? path : target;
}

static void expect_slice(struct slice slice, const char *expected, const char *what,
                         const char *fixture, const char *target) {
    cr_expect(slice.size == strlen(expected) && memcmp(slice.bytes, expected, slice.size) == 0,
              "%s: %s: %s is \"%.*s\", expected \"%s\"", fixture, target, what, (int)slice.size,
              slice.bytes, expected);
}

static void expect_split(const struct route *route, const char *script_name, const char *path,
                         const char *fixture, const char *target) {
    size_t size = strlen(script_name);
    cr_assert_eq(strncmp(path, script_name, size), 0, "the test is wrong: %s", target);
    expect_slice(route->script_name, script_name, "SCRIPT_NAME", fixture, target);
    expect_slice(route->path_info, path + size, "PATH_INFO", fixture, target);
}

static void clear(struct route *route) {
    free(route->script);
    free(route->path_storage);
}

/** Route every request of a fixture to one application. */
static void route_all(const char *name, const char *mount, bool has_mount,
                      const char *script_name) {
    struct app_config app_config = {
        .name = (char *)"blog", .mount = (char *)mount, .has_mount = has_mount};
    struct config config = {.apps = &app_config, .app_count = 1};
    struct router *router = router_new(&config, NULL);
    struct fixture fixture = fixture_read(name);
    size_t routed = 0;
    for (size_t i = 0; i < fixture.count; i++) {
        const struct fixture_request *sent = &fixture.requests[i];
        const char *path = path_of(name, sent->target);
        size_t size = strlen(mount);
        bool is_below =
            strncmp(path, mount, size) == 0 && (path[size] == '\0' || path[size] == '/');
        if (sent->request.param_count == 0 || !is_below) {
            continue;
        }
        struct route route;
        router_route(router, &sent->request, resolve, &route);
        cr_assert_eq(route.kind, ROUTE_APPLICATION, "%s: %s", name, sent->target);
        expect_split(&route, script_name, path, name, sent->target);
        clear(&route);
        routed++;
    }
    cr_expect_geq(routed, 4, "%s: %zu requests", name, routed);
    fixture_free(&fixture);
    router_free(router);
}

static const struct {
    const char *fixture;
    const char *script_name; /* of an application without a mount */
} applications[] = {
    {"lighttpd-root-fixed", ""},
    {"lighttpd-root", ""}, /* after the first request, which is "/"
                            */
    {"lighttpd-prefix", "/blog"},
    {"lighttpd-authorizer", ""},
    {"nginx", ""},
    {"nginx-path-info", ""},
    {"nginx-no-script-name", ""},
    {"mod_fcgid-root", ""},
    {"mod_fcgid-alias", "/blog"},
    {"mod_fcgid-virtual", ""},
    {"mod_fcgid-authorizer", ""},
    {"proxy_fcgi-unix", ""},
    {"proxy_fcgi-tcp", ""},
    {"proxy_fcgi-prefix", "/blog"},
    {"haproxy", ""},
    {"caddy", ""},
    {"caddy-prefix", "/blog"},
    {"h2o", ""},
    {"h2o-prefix", ""},
    {"proxy_fcgi-prefix-kept", ""},
    {"proxy_fcgi-location", ""},
    {"proxy_fcgi-generic", ""},
};
enum { APPLICATIONS = sizeof applications / sizeof *applications };

Test(route_servers, without_a_mount_the_server_says_where_the_application_is) {
    for (size_t i = 0; i < APPLICATIONS; i++) {
        if (strcmp(applications[i].fixture, "lighttpd-prefix") != 0) {
            route_all(applications[i].fixture, "", false, applications[i].script_name);
        }
    }
}

Test(route_servers, a_mount_is_the_script_name_whatever_the_server_says) {
    for (size_t i = 0; i < APPLICATIONS; i++) {
        route_all(applications[i].fixture, "/blog", true, "/blog");
    }
    route_all("nginx-split", "/blog", true, "/blog");
    route_all("haproxy-path-info", "/blog", true, "/blog");
}

Test(route_servers, a_mount_at_the_root_leaves_all_of_the_path_to_path_info) {
    for (size_t i = 0; i < APPLICATIONS; i++) {
        route_all(applications[i].fixture, "", true, "");
    }
}

/** Route the requests with these targets, in this order, to an application without a mount. */
static void route_in_order(const char *name, const char *const expected[][3], size_t count) {
    struct app_config app_config = {.name = (char *)"blog", .mount = (char *)""};
    struct config config = {.apps = &app_config, .app_count = 1};
    struct router *router = router_new(&config, NULL);
    struct fixture fixture = fixture_read(name);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < fixture.count; j++) {
            if (strcmp(fixture.requests[j].target, expected[i][0]) == 0) {
                struct route route;
                router_route(router, &fixture.requests[j].request, resolve, &route);
                expect_slice(route.script_name, expected[i][1], "SCRIPT_NAME", name,
                             expected[i][0]);
                expect_slice(route.path_info, expected[i][2], "PATH_INFO", name, expected[i][0]);
                clear(&route);
            }
        }
    }
    fixture_free(&fixture);
    router_free(router);
}

Test(route_servers, lighttpd_below_a_prefix_keeps_its_prefix) {
    static const char *const expected[][3] = {
        {"/blog/a/b?x=1", "/blog", "/a/b"},
        {"/blog/", "/blog", "/"},
        {"/blog", "/blog", ""},
        {"/blog/a%2Fb", "/blog", "/a/b"},
    };
    route_in_order("lighttpd-prefix", expected, sizeof expected / sizeof *expected);
}

Test(route_servers, lighttpd_at_the_root_is_known_by_its_changing_script_name) {
    static const char *const expected[][3] = {
        {"/a", "", "/a"},         {"/a/b?x=1", "/a", "/b"}, /* looks like a prefix */
        {"/blog", "", "/blog"},                             /* but it is none */
        {"/a/b?x=1", "", "/a/b"}, {"/blog/a/b?x=1", "", "/blog/a/b"},
    };
    route_in_order("lighttpd-root", expected, sizeof expected / sizeof *expected);
}

Test(route_servers, haproxy_may_split_where_its_configuration_says) {
    static const char *const expected[][3] = {
        {"/blog/", "/blog", "/"},
        {"/blog/a/b?x=1", "/blog", "/a/b"},
        {"/blog/%25", "/blog", "/%"},
    };
    route_in_order("haproxy-path-info", expected, sizeof expected / sizeof *expected);
}

Test(route_servers, nginx_may_split_where_its_configuration_says) {
    static const char *const expected[][3] = {
        {"/blog/", "/blog", "/"},
        {"/blog/a/b?x=1", "/blog", "/a/b"},
        {"/blog/%25", "/blog", "/%"},
    };
    route_in_order("nginx-split", expected, sizeof expected / sizeof *expected);
}

/* ---- Scripts ---- */

static void route_scripts(const char *name) {
    char *suffixes[] = {(char *)".py"};
    struct config config = {.scripts_root = (char *)"/srv/www", .scripts_suffix = {suffixes, 1}};
    struct router *router = router_new(&config, NULL);
    struct fixture fixture = fixture_read(name);
    size_t routed = 0;
    for (size_t i = 0; i < fixture.count; i++) {
        const struct fixture_request *sent = &fixture.requests[i];
        const char *path = path_of(name, sent->target);
        struct route route;
        if (sent->request.param_count == 0) {
            continue;
        }
        router_route(router, &sent->request, resolve, &route);
        if (strncmp(path, "/no.py", 6) == 0) {
            cr_expect_eq(route.kind, ROUTE_NONE, "%s: %s", name, sent->target);
        } else {
            const char *script = strncmp(path, "/below", 6) == 0 ? "/below/c.py" : "/a.py";
            char file[64];
            snprintf(file, sizeof file, "/srv/www%s", script);
            cr_assert_eq(route.kind, ROUTE_SCRIPT, "%s: %s", name, sent->target);
            cr_expect_str_eq(route.script, file);
            expect_split(&route, script, path, name, sent->target);
            routed++;
        }
        clear(&route);
    }
    cr_expect_geq(routed, 5, "%s: %zu requests", name, routed);
    fixture_free(&fixture);
    router_free(router);
}

Test(route_servers, scripts_are_found_and_what_follows_their_name_is_path_info) {
    static const char *const names[] = {
        "lighttpd-scripts",
        "nginx-scripts",
        "nginx-scripts-split",
        "mod_fcgid-wrapper",
        "proxy_fcgi-scripts",
        "proxy_fcgi-scripts-generic",
        "proxy_fcgi-scripts-match",
        "haproxy-scripts",
        "haproxy-scripts-split",
        "caddy-scripts",
        "h2o-scripts",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        route_scripts(names[i]);
    }
}
