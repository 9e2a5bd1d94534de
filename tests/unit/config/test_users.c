/** Users, limits and environment of process groups: what is read, joined, printed and refused. */
#include <criterion/criterion.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/identity.h"
#include "fcgi_host/config/listen_address.h"
#include "fcgi_host/config/view.h"
#include "tests/support/config_fixture.h"

#define APP_A "[app a]\nfile = a.py\n"
#define APP_B "[app b]\nfile = b.py\nmount = /b\n"

TestSuite(users, .init = config_setup);

static rlim_t limit_of(const struct process_config *process, const char *name) {
    for (size_t i = 0; i < RESOURCE_LIMIT_COUNT; i++) {
        if (strcmp(resource_limit_kinds[i].name, name) == 0 && process->rlimits.items[i].is_set) {
            return process->rlimits.items[i].value;
        }
    }
    return (rlim_t)-2;
}

/** Every limit of setrlimit(2) that is named in the documentation. */
#define ALL_LIMITS                                                                                 \
    "rlimit.as = 1000000000\nrlimit.core = 0\nrlimit.cpu = 3\nrlimit.data = unlimited\n"           \
    "rlimit.fsize = 5\nrlimit.memlock = 6\nrlimit.nofile = 7\nrlimit.nproc = 8\nrlimit.stack = "   \
    "9\n"

Test(users, a_process_group_has_limits_and_an_environment) {
    struct config *config = config_from_file(
        "[process p]\numask = 0027\nchdir = venv\nnice = -20\n" ALL_LIMITS
        "env.TZ = Asia/Tokyo\nenv.X =\n" APP_A "process = p\n" APP_B
        "process = own\numask = 0\nnice = 19\nrlimit.core = unlimited\nenv.TZ = UTC\n");
    cr_assert_not_null(config, "%s", config_error.text);
    const struct process_config *section = &config->processes[0], *own = &config->apps[1].own;
    cr_expect(section->umask.is_set);
    cr_expect_eq(section->umask.value, 027);
    cr_expect_eq(section->nice.value, -20);
    cr_expect_str_eq(strrchr(section->chdir, '/'), "/venv");
    cr_expect_eq(limit_of(section, "as"), 1000000000);
    cr_expect_eq(limit_of(section, "core"), 0);
    cr_expect_eq(limit_of(section, "data"), RLIM_INFINITY);
    cr_expect_eq(limit_of(section, "stack"), 9);
    cr_assert_eq(section->env.variables.count, 2);
    cr_expect_str_eq(section->env.variables.items[0], "TZ=Asia/Tokyo");
    cr_expect_str_eq(section->env.variables.items[1], "X=");
    cr_expect_null(section->identity, "the host's user");
    cr_expect(own->umask.is_set);
    cr_expect_eq(own->umask.value, 0);
    cr_expect_eq(own->nice.value, 19);
    cr_expect_eq(limit_of(own, "core"), RLIM_INFINITY);
    cr_expect_eq(own->env.variables.count, 0, "the application's, not the process's");
    cr_expect_eq(config->apps[1].env.variables.count, 1);
    cr_expect_not(config->process.umask.is_set);
    config_free(config);
}

Test(users, where_they_are_ignored_everything_runs_as_who_starts_the_host) {
    static const char s_text[] =
        "[fcgi_host]\nuser = nobody\nignore_users = %s\n" APP_A "user = root\n";
    char text[256];
    config_may_be_root = true;
    snprintf(text, sizeof text, s_text, "yes");
    struct config *config = config_from_file(text);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_null(config->process.identity);
    cr_expect_null(config->apps[0].own.identity);
    cr_expect_str_eq(config->apps[0].process, CONFIG_PROCESS_AUTO);
    cr_expect_str_eq(config->process.user, "nobody", "what -t shows");
    config_free(config);
}

static struct config *part_of(struct config *site, const struct process_config *process,
                              size_t app) {
    struct error err;
    const struct config_part part = {.process = process, .apps = &app, .app_count = 1};
    struct config *view = config_view(site, &part, &err);
    cr_assert_not_null(view);
    return view;
}

Test(users, keys_of_the_host_are_defaults_of_every_group) {
    struct config *site =
        config_from_file("[fcgi_host]\numask = 0077\nnice = 5\nchdir = scripts\n"
                         "rlimit.nofile = 100\nrlimit.core = 1\nenv.A = host\n"
                         "[process p]\numask = 022\nrlimit.core = 2\nenv.B = p\n" APP_A
                         "process = p\n" APP_B "process = own\nnice = 0\nchdir = venv\n");
    cr_assert_not_null(site, "%s", config_error.text);
    struct config *p = part_of(site, &site->processes[0], 0);
    struct config *own = part_of(site, &site->apps[1].own, 1);
    struct config *shared = part_of(site, NULL, 1);
    cr_expect_eq(p->process.umask.value, 022);
    cr_expect_eq(p->process.nice.value, 5);
    cr_expect_str_eq(strrchr(p->process.chdir, '/'), "/scripts");
    cr_expect_eq(limit_of(&p->process, "nofile"), 100);
    cr_expect_eq(limit_of(&p->process, "core"), 2);
    cr_expect_eq(p->process.env.variables.count, 1, "set after the host's: %zu",
                 p->process.env.variables.count);
    cr_expect_str_eq(config_site(p)->process.env.variables.items[0], "A=host");
    cr_expect_eq(own->process.umask.value, 077);
    cr_expect(own->process.nice.is_set);
    cr_expect_eq(own->process.nice.value, 0);
    cr_expect_str_eq(strrchr(own->process.chdir, '/'), "/venv");
    cr_expect_eq(limit_of(&shared->process, "core"), 1);
    cr_expect_eq(shared->process.umask.value, 077);
    config_free(p);
    config_free(own);
    config_free(shared);
    config_free(site);
}

Test(users, what_is_printed_is_what_was_read) {
    static const char s_text[] =
        "[fcgi_host]\nallow_root = yes\numask = 0007\nenv.A = 1\n"
        "[process p]\nnice = -3\n" ALL_LIMITS "env.TZ = UTC\nenv.B = x y\n" APP_A
        "process = p\n" APP_B "process = own\nchdir = /\nrlimit.cpu = unlimited\n";
    char *first = NULL, *second = NULL;
    size_t size;
    struct config *config = config_from_file(s_text);
    cr_assert_not_null(config, "%s", config_error.text);
    FILE *out = open_memstream(&first, &size);
    config_print(config, out);
    fclose(out);
    config_free(config);
    config = config_from_file(first);
    cr_assert_not_null(config, "%s", config_error.text);
    out = open_memstream(&second, &size);
    config_print(config, out);
    fclose(out);
    config_free(config);
    cr_expect_str_eq(first, second);
    static const char *const wanted[] = {
        "allow_root = yes\n",
        "umask = 0007\n",
        "env.A = 1\n",
        "nice = -3\n",
        "rlimit.as = 1000000000\n",
        "rlimit.data = unlimited\n",
        "rlimit.stack = 9\n",
        "env.B = x y\n",
        "chdir = /\n",
        "rlimit.cpu = unlimited\n",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        cr_expect(strstr(first, wanted[i]), "%s: %s", wanted[i], first);
    }
    free(first);
    free(second);
}

static const struct {
    const char *text;
    unsigned line;
    const char *message;
} errors[] = {
    {"[process p]\nuser = no-such-user\n" APP_A "process = p\n", 2, "user: there is no user"},
    {"[fcgi_host]\ngroup = no-such-group\n" APP_A, 2, "group: there is no group"},
    {APP_A "user = 4294967295\n", 3, "user: there is no user"},
    {APP_A "user =\n", 3, "user: "},
    {"[fcgi_host]\numask = 0888\n" APP_A, 2, "umask: \"0888\" is not an octal number"},
    {"[fcgi_host]\numask = 1000\n" APP_A, 2, "umask: "},
    {"[fcgi_host]\numask = -1\n" APP_A, 2, "umask: "},
    {"[fcgi_host]\nnice = 20\n" APP_A, 2, "nice: \"20\" is not a number from -20 to 19"},
    {"[fcgi_host]\nnice = -21\n" APP_A, 2, "nice: "},
    {"[fcgi_host]\nnice = +1\n" APP_A, 2, "nice: "},
    {APP_A "chdir = a.py\n", 3, "chdir: "},
    {APP_A "chdir = nowhere\n", 3, "chdir: "},
    {APP_A "rlimit.files = 1\n", 3, "\"files\" is not one of as, core, cpu, data, fsize, memlock"},
    {APP_A "rlimit.nofile = many\n", 3, "nofile: \"many\" is neither a number nor unlimited"},
    {APP_A "rlimit.nofile = -1\n", 3, "nofile: "},
    {APP_A "rlimit.core = 1\nrlimit.cpu = 1\nrlimit.core = 2\n", 5, "core: given twice"},
    {APP_A "rlimit = 1\n", 3, "rlimit: no such key"},
    {"[scripts]\nroot = scripts\nuser = root\n", 3, "user: no such key in [scripts]"},
    {"[process p]\n" APP_A "process = p\nnice = 1\n", 5, "[app a] nice: belongs in [process p]"},
    {"[process p]\nenv.X = 1\nenv.X = 2\n" APP_A "process = p\n", 3, "env.X: given twice"},
    {"[fcgi_host]\nallow_root = maybe\n" APP_A, 2, "allow_root: "},
    {"[fcgi_host]\nlisten = unix:/x,user=no-such-user\n" APP_A, 2, "listen: there is no user"},
    {"[fcgi_host]\nlisten = unix:/x,group=no-such-group\n" APP_A, 2, "listen: there is no group"},
    {"[fcgi_host]\nlisten = :8000,user=root\n" APP_A, 2, "only a Unix socket takes ,user="},
};

Test(users, errors_name_file_line_and_key) {
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char where[64];
        struct config *config = config_from_file(errors[i].text);
        cr_assert_null(config, "%s", errors[i].text);
        snprintf(where, sizeof where, "test.conf:%u: ", errors[i].line);
        cr_expect_eq(config_error.code, ERR_USAGE);
        cr_expect(strstr(config_error.text, where), "%s: %s", where, config_error.text);
        cr_expect(strstr(config_error.text, errors[i].message), "%s: %s", errors[i].message,
                  config_error.text);
    }
}

Test(users, names_and_numbers_are_found) {
    struct error err;
    uid_t uid = 1;
    gid_t gid = 1;
    cr_expect_eq(identity_user_id("root", &uid, &err), 0);
    cr_expect_eq(uid, 0);
    cr_expect_eq(identity_group_id("root", &gid, &err), 0);
    cr_expect_eq(gid, 0);
    cr_expect_eq(identity_user_id("54321", &uid, &err), 0);
    cr_expect_eq(uid, 54321);
    cr_expect_eq(identity_user_id("12x", &uid, &err), -1);
    cr_expect_eq(identity_user_id("-1", &uid, &err), -1);
}

Test(users, an_identity_is_what_the_user_database_says) {
    struct error err;
    const struct passwd *nobody = getpwnam("nobody");
    cr_assert_not_null(nobody);
    struct identity *identity = identity_find("nobody", NULL, &err);
    cr_assert_not_null(identity, "%s", err.text);
    cr_expect(identity->has_user);
    cr_expect_eq(identity->uid, nobody->pw_uid);
    cr_expect_eq(identity->gid, nobody->pw_gid);
    cr_expect_str_eq(identity->name, "nobody");
    cr_expect_str_eq(identity->home, nobody->pw_dir);
    cr_expect_eq(identity->group_count, 1);
    struct identity *other = identity_find("nobody", "root", &err);
    cr_assert_not_null(other);
    cr_expect_eq(other->gid, 0);
    cr_expect_not(identity_is_same(identity, other));
    cr_expect(identity_is_same(other, other));
    cr_expect(identity_is_same(NULL, NULL));
    identity_free(identity);
    identity_free(other);
}

Test(users, a_number_without_an_entry_needs_a_group) {
    struct error err;
    cr_expect_null(identity_find("54321", NULL, &err));
    cr_expect(strstr(err.text, "set group"), "%s", err.text);
    struct identity *identity = identity_find("54321", "54322", &err);
    cr_assert_not_null(identity);
    cr_expect_eq(identity->uid, 54321);
    cr_expect_eq(identity->gid, 54322);
    cr_expect_eq(identity->group_count, 1);
    cr_expect_eq(identity->groups[0], 54322);
    cr_expect_null(identity->name);
    identity_free(identity);
}

Test(users, groups_of_a_file_go_to_those_without_a_user_of_their_own) {
    if (geteuid() != 0) {
        return; /* nobody else may name other users */
    }
    struct config *config =
        config_from_file("[fcgi_host]\nuser = nobody\ngroup = daemon\n[process p]\nuser = daemon\n"
                         "[process q]\ngroup = root\n" APP_A "process = p\n" APP_B
                         "process = q\n[app c]\nfile = a.py\nmount = /c\n"
                         "[app d]\nfile = a.py\nmount = /d\nuser = daemon\n"
                         "[app e]\nfile = a.py\nmount = /e\nuser = nobody\ngroup = daemon\n");
    cr_assert_not_null(config, "%s", config_error.text);
    gid_t daemon = getgrnam("daemon")->gr_gid;
    cr_expect_eq(config->process.identity->gid, daemon);
    cr_expect_eq(config->processes[0].identity->gid, getpwnam("daemon")->pw_gid);
    cr_expect_eq(config->processes[1].identity->uid, getpwnam("nobody")->pw_uid);
    cr_expect_eq(config->processes[1].identity->gid, 0);
    cr_expect_str_eq(config->apps[2].process, CONFIG_PROCESS_AUTO);
    cr_expect_eq(config->apps[2].own.identity->gid, daemon);
    cr_expect_str_eq(config->apps[3].process, CONFIG_PROCESS_OWN, "another user: set apart");
    cr_expect_str_eq(config->apps[3].interpreter, CONFIG_MAIN_INTERPRETER);
    cr_expect_str_eq(config->apps[4].process, CONFIG_PROCESS_AUTO, "the same user");
    config_free(config);
}

Test(users, root_needs_leave) {
    static const char *const refused[] = {
        APP_A,
        "[fcgi_host]\nuser = root\n" APP_A,
        "[process p]\nuser = nobody\n" APP_A "process = p\n" APP_B,
        "[process p]\n" APP_A "process = p\n",
        "[fcgi_host]\nuser = nobody\n" APP_A "user = root\n",
        "[scripts]\nroot = scripts\n[process p]\nuser = nobody\n" APP_A "process = p\n",
        "[fcgi_host]\ngroup = daemon\n" APP_A,
    };
    static const char *const allowed[] = {
        "[fcgi_host]\nuser = nobody\n" APP_A,
        APP_A "user = nobody\n",
        "[process p]\nuser = nobody\n" APP_A "process = p\n" APP_B "process = own\nuser = 1\n",
        "[fcgi_host]\nallow_root = yes\n" APP_A APP_B "user = nobody\n",
    };
    if (geteuid() != 0) {
        return; /* it is not started as root */
    }
    config_may_be_root = false;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        cr_expect_null(config_from_file(refused[i]), "%s", refused[i]);
        cr_expect(strstr(config_error.text, "would run as root"), "%s", config_error.text);
    }
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        struct config *config = config_from_file(allowed[i]);
        cr_expect_not_null(config, "%s: %s", allowed[i], config_error.text);
        config_free(config);
    }
    /* Commands that only read where the control socket is. */
    config_write("test.conf", APP_A);
    struct config *config = config_from_words(WORDS("-c", "test.conf", "status"), NULL);
    cr_expect_not_null(config, "%s", config_error.text);
    config_free(config);
}

Test(users, a_socket_has_an_owner) {
    static const struct {
        const char *text, *path, *user, *group;
        mode_t mode;
    } cases[] = {
        {"unix:/x", "/x", "", "", 0660},
        {"unix:/x,user=a", "/x", "a", "", 0660},
        {"unix:/x,mode=0600,user=a,group=b", "/x", "a", "b", 0600},
        {"unix:/x,group=b,user=a,mode=0666", "/x", "a", "b", 0666},
        {"unix:/x,y,user=a", "/x,y", "a", "", 0660},
        {"unix:/x,user=a,y", "/x,user=a,y", "", "", 0660},
    };
    static const char *const wrong[] = {"unix:/x,user=", "unix:/x,user=a,user=b",
                                        "unix:,user=a",  "unix:/x,mode=0600,mode=0660",
                                        "fd:3,group=a",  "127.0.0.1:80,mode=0600"};
    struct listen_address address;
    struct error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert_eq(listen_address_parse(cases[i].text, &address, &err), 0, "%s", cases[i].text);
        cr_expect_str_eq(address.path, cases[i].path);
        cr_expect_str_eq(address.user, cases[i].user);
        cr_expect_str_eq(address.group, cases[i].group);
        cr_expect_eq(address.mode, cases[i].mode);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_expect_eq(listen_address_parse(wrong[i], &address, &err), -1, "%s", wrong[i]);
    }
}
