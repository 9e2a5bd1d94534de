/** Scripts below [scripts] root, on a real file system: which are found, and what is never run. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/route_fixture.h"
#include "tests/support/temporary_folder.h"

static const char *s_folder;

static char *in_folder(const char *name) {
    static char path[4][4096];
    static unsigned turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", s_folder, name);
    return path[turn];
}

static void make_file(const char *name) {
    FILE *file = fopen(in_folder(name), "w");
    cr_assert_not_null(file);
    fclose(file);
}

static void make_tree(void) {
    s_folder = temporary_folder();
    cr_assert_eq(mkdir(in_folder("root"), 0755) | mkdir(in_folder("root/below"), 0755) |
                     mkdir(in_folder("root/folder.py"), 0755) |
                     mkdir(in_folder("root-beside"), 0755) | mkdir(in_folder("outside"), 0755),
                 0);
    make_file("root/a.py");
    make_file("root/below/b.wsgi");
    make_file("root/folder.py/c.py");
    make_file("root/data.txt");
    make_file("root/sp ace%20.py");
    make_file("root-beside/x.py");
    make_file("outside/secret.py");
    cr_assert_eq(symlink("a.py", in_folder("root/alias.py")) |
                     symlink("../outside/secret.py", in_folder("root/escape.py")) |
                     symlink("../outside", in_folder("root/way-out")) |
                     symlink("data.txt", in_folder("root/data.py")) |
                     symlink("a.py", in_folder("root/a.txt")) |
                     symlink("loop.py", in_folder("root/loop.py")),
                 0);
}

static char *s_suffixes[] = {(char *)".py", (char *)".wsgi"};

static void begin_scripts(struct fixture *fixture) {
    static const struct app_row none[] = {{NULL, NULL, NULL}};
    make_tree();
    fixture->config.scripts_root = realpath(in_folder("root"), NULL);
    fixture->config.scripts_suffix = (struct string_list){s_suffixes, 2};
    begin(fixture, none);
}

static void end_scripts(struct fixture *fixture) {
    router_free(fixture->router);
    free(fixture->config.scripts_root);
}

Test(route_scripts, scripts_below_the_root_are_found) {
    static const struct {
        const char *file, *script; /* both below the folder */
    } cases[] = {
        {"root/a.py", "root/a.py"},
        {"root/a.py/", "root/a.py"},
        {"root/a.py/more/path", "root/a.py"},
        {"root/a.py/x.py", "root/a.py"},
        {"root/a.py/../../outside/secret.py", "root/a.py"}, /* path info */
        {"root/below/b.wsgi/a.py", "root/below/b.wsgi"},
        {"root/folder.py/c.py", "root/folder.py/c.py"},
        {"root/alias.py", "root/a.py"},
        {"root//a.py", "root/a.py"},
        {"root/below/../a.py", "root/a.py"},
        {"outside/../root/a.py", "root/a.py"},
        {"root/sp ace%20.py", "root/sp ace%20.py"},
    };
    struct fixture f = {0};
    begin_scripts(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r =
            route(&f, ROLE_RESPONDER, PARAMS("SCRIPT_FILENAME", in_folder(cases[i].file)),
                  route_resolve_script);
        char *expected = realpath(in_folder(cases[i].script), NULL);
        cr_expect_eq(r.kind, ROUTE_SCRIPT, "%s", cases[i].file);
        cr_expect(r.script && strcmp(r.script, expected) == 0, "%s: %s", cases[i].file, r.script);
        free(expected);
        clear(&r);
    }
    end_scripts(&f);
}

Test(route_scripts, nothing_but_scripts_below_the_root_is_ever_run) {
    static const char *const files[] = {
        "root/escape.py",
        "root/way-out/secret.py",
        "root/../outside/secret.py",
        "root-beside/x.py",
        "root/data.txt",
        "root/data.py", /* a link with a script's name to something else */
        "root/a.txt",
        "root/folder.py",
        "root/folder.py/",
        "root/below",
        "root/no.py",
        "root/loop.py",
        "root",
        "root/",
        "",
        "outside/secret.py",
    };
    struct fixture f = {0};
    begin_scripts(&f);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char proxied[4200];
        snprintf(proxied, sizeof proxied, "proxy:fcgi://localhost%s", in_folder(files[i]));
        const char *const forms[] = {in_folder(files[i]), proxied, files[i]};
        for (size_t j = 0; j < sizeof forms / sizeof *forms; j++) {
            struct route r = route(&f, ROLE_RESPONDER, PARAMS("SCRIPT_FILENAME", forms[j]),
                                   route_resolve_script);
            cr_expect_eq(r.kind, ROUTE_NONE, "%s: %s", forms[j], r.script ? r.script : "");
            clear(&r);
        }
    }
    end_scripts(&f);
}

Test(route_scripts, the_forms_of_mod_proxy_fcgi_name_the_same_script) {
    static const char *const forms[] = {
        "proxy:fcgi://localhost%s/root/a.py",
        "proxy:fcgi://127.0.0.1:9000%s/root/a.py/x",
        "proxy:fcgi://[::1]:9000%s/root/a.py",
        "proxy:unix:/run/s.sock|fcgi://localhost%s/root/a.py",
        "proxy:fcgi://localhost%s/root/a.py?x=1",
        "proxy:balancer://pool%s/root/a%%2epy",
    };
    struct fixture f = {0};
    begin_scripts(&f);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char file[4200] = "";
        const char *mark = strstr(forms[i], "%s");
        snprintf(file, sizeof file, "%.*s%s%s", (int)(mark - forms[i]), forms[i], s_folder,
                 mark + 2);
        char *percent = strstr(file, "%%");
        if (percent) {
            memmove(percent, percent + 1, strlen(percent));
        }
        struct route r =
            route(&f, ROLE_RESPONDER, PARAMS("SCRIPT_FILENAME", file), route_resolve_script);
        cr_expect_eq(r.kind, ROUTE_SCRIPT, "%s", file);
        clear(&r);
    }
    end_scripts(&f);
}

Test(route_scripts, a_nul_byte_or_a_long_name_is_no_script) {
    struct fixture f = {0};
    begin_scripts(&f);
    char name[10000];
    memset(name, 'a', sizeof name - 1);
    name[0] = '/';
    memcpy(name + sizeof name - 4, ".py", 4);
    struct route r =
        route(&f, ROLE_RESPONDER, PARAMS("SCRIPT_FILENAME", name), route_resolve_script);
    cr_expect_eq(r.kind, ROUTE_NONE);
    snprintf(name, sizeof name, "%s", in_folder("root/a.py"));
    size_t size = strlen(name);
    memcpy(name + size, "\0/b.py", 6);
    struct param param = {"SCRIPT_FILENAME", name, 15, (uint32_t)size + 6};
    struct request request = {.params = &param, .param_count = 1, .role = ROLE_RESPONDER};
    router_route(f.router, &request, route_resolve_script, &r);
    cr_expect_eq(r.kind, ROUTE_NONE);
    end_scripts(&f);
}

Test(route_scripts, applications_come_before_scripts_and_scripts_before_the_only_application) {
    static const struct app_row rows[] = {{"blog", "/blog", NULL}, {NULL, NULL, NULL}};
    struct fixture f = {.config.scripts_suffix = {s_suffixes, 2}};
    make_tree();
    f.config.scripts_root = realpath(in_folder("root"), NULL);
    begin(&f, rows);
    struct route r =
        route(&f, ROLE_RESPONDER,
              PARAMS("SCRIPT_FILENAME", in_folder("root/a.py"), "SCRIPT_NAME", "/blog/a.py"),
              route_resolve_script);
    cr_expect_str_eq(app_of(&r), "blog");
    r = route(&f, ROLE_RESPONDER,
              PARAMS("SCRIPT_FILENAME", in_folder("root/a.py"), "SCRIPT_NAME", "/a.py"),
              route_resolve_script);
    cr_expect_eq(r.kind, ROUTE_SCRIPT);
    clear(&r);
    r = route(&f, ROLE_RESPONDER,
              PARAMS("SCRIPT_FILENAME", in_folder("root/no.py"), "SCRIPT_NAME", "/no.py"),
              route_resolve_script);
    cr_expect_str_eq(app_of(&r), "blog");
    clear(&r);
    end_scripts(&f);
}
