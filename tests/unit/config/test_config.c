/** The configuration file: what is read, what the defaults are, what is an error and where. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/options.h"
#include "tests/support/config_fixture.h"

TestSuite(config, .init = config_setup);

static const char *in_folder(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", config_folder, name);
    return path;
}

/** The defaults of INTERFACE, "Configuration file". */
Test(config, what_is_not_set_has_its_default) {
    struct config *config = config_from_file("[app blog]\nfile = a.py\n");
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_null(config->listen);
    cr_expect_eq(config->workers.most, 1);
    cr_expect_null(config->control);
    cr_expect_null(config->status_path);
    cr_expect_str_eq(config->log, "stderr");
    cr_expect_eq(config->log_level, LOG_INFO);
    cr_expect_eq(config->stop_timeout_s, 10);
    cr_expect_eq(config->stuck_timeout_s, 20);
    cr_expect_eq(config->startup_timeout_s, 60);
    cr_expect_eq(config->max_interpreters, 64);
    cr_expect_null(config->scripts_root);
    cr_expect_eq(config->scripts_max_processes, 16);
    cr_assert_eq(config->app_count, 1);
    const struct app_config *app = &config->apps[0];
    cr_expect_str_eq(app->name, "blog");
    cr_expect_str_eq(app->interpreter, "blog");
    cr_expect_str_eq(app->file, in_folder("a.py"));
    cr_expect_null(app->callable);
    cr_expect_str_eq(app->mount, "");
    cr_expect_not(app->has_mount);
    cr_expect_not(app->has_debounce);
    cr_expect_null(app->host);
    cr_expect_not(app->gil_own);
    cr_expect_eq(app->lazy_imports, LAZY_IMPORTS_NORMAL);
    cr_expect_eq(app->threads, 4);
    cr_expect_eq(app->queue, 128);
    cr_expect_eq(app->reload, RELOAD_MODE_AUTO);
    cr_expect_eq(app->watch.count, 0);
    cr_assert_eq(app->ignore.count, 1);
    cr_expect_str_eq(app->ignore.items[0], "**/__pycache__/**");
    cr_expect_eq(app->debounce_ms, 30);
    cr_expect_eq(app->drain_timeout_s, 30);
    cr_expect_eq(app->request_timeout_s, 0);
    cr_expect_eq(app->max_requests, 0);
    cr_expect_eq(app->on_stale, ON_STALE_REPLACE);
    cr_expect_eq(app->on_client_gone, ON_CLIENT_GONE_IGNORE);
    cr_expect_not(app->dev);
    cr_expect_str_eq(app->own.preload, CONFIG_PRELOAD_AUTO);
    config_free(config);
}

Test(config, every_key_of_an_application_is_read) {
    struct config *config = config_from_file("\xEF\xBB\xBF; written by an editor with a BOM\r\n"
                                             "[app blog]   ; the blog\r\n"
                                             "  file=a.py\r\n"
                                             "\tcallable = app\r\n"
                                             "mount = /blog/            ; longest wins\r\n"
                                             "host = Blog.Example.org:8080\r\n"
                                             "interpreter = shared\r\n"
                                             "gil = shared\r\n"
                                             "threads = 1024\r\n"
                                             "queue = 0\r\n"
                                             "virtualenv = venv\r\n"
                                             "python_path = /x:lib:./y//z\r\n"
                                             "python_path = /more\r\n"
                                             "env.A = 1 2\r\n"
                                             "env.URL = http://x/;y=1 ; a comment\r\n"
                                             "env.EMPTY =\r\n"
                                             "reload = worker\r\n"
                                             "watch = a/*.html  b/**\r\n"
                                             "ignore =\r\n"
                                             "debounce_ms = 0\r\n"
                                             "check = /healthz\r\n"
                                             "drain_timeout_s = 1\r\n"
                                             "request_timeout_s = 2\r\n"
                                             "slow_request_s = 3\r\n"
                                             "max_requests = 4\r\n"
                                             "on_stale = warn\r\n"
                                             "on_client_gone = raise-any\r\n"
                                             "# a comment\r\n"
                                             "dev = On\r\n");
    cr_assert_not_null(config, "%s", config_error.text);
    const struct app_config *app = &config->apps[0];
    cr_expect_str_eq(app->callable, "app");
    cr_expect_str_eq(app->mount, "/blog");
    cr_expect(app->has_mount);
    cr_expect(app->has_debounce);
    cr_expect_str_eq(app->host, "blog.example.org");
    cr_expect_str_eq(app->interpreter, "shared");
    cr_expect_eq(app->threads, 1024);
    cr_expect_eq(app->queue, 0);
    cr_expect_str_eq(app->virtualenv, in_folder("venv"));
    cr_assert_eq(app->python_path.count, 4);
    cr_expect_str_eq(app->python_path.items[0], "/x");
    cr_expect_str_eq(app->python_path.items[1], in_folder("lib"));
    cr_expect_str_eq(app->python_path.items[2], in_folder("y/z"));
    cr_expect_str_eq(app->python_path.items[3], "/more");
    cr_assert_eq(app->env.variables.count, 3);
    cr_expect_str_eq(app->env.variables.items[0], "A=1 2");
    cr_expect_str_eq(app->env.variables.items[1], "URL=http://x/;y=1");
    cr_expect_str_eq(app->env.variables.items[2], "EMPTY=");
    cr_expect_eq(app->reload, RELOAD_MODE_WORKER);
    cr_assert_eq(app->watch.count, 2);
    cr_expect_str_eq(app->watch.items[1], "b/**");
    cr_expect_eq(app->ignore.count, 0, "an empty list replaces the default");
    cr_expect_eq(app->debounce_ms, 0);
    cr_expect_str_eq(app->check, "/healthz");
    cr_expect_eq(app->drain_timeout_s, 1);
    cr_expect_eq(app->request_timeout_s, 2);
    cr_expect_eq(app->slow_request_s, 3);
    cr_expect_eq(app->max_requests, 4);
    cr_expect_eq(app->on_stale, ON_STALE_WARN);
    cr_expect_eq(app->on_client_gone, ON_CLIENT_GONE_RAISE_ANY);
    cr_expect(app->dev);
    config_free(config);
}

Test(config, scripts_have_a_root_and_the_keys_of_applications) {
    struct config *config = config_from_file("[scripts]\nroot = ./scripts\nsuffix = .py .fcgi\n"
                                             "threads = 2\nreload = off\nenv.X = y\ndev = on\n");
    cr_assert_not_null(config, "%s", config_error.text);
    char *real = realpath("scripts", NULL);
    cr_expect_str_eq(config->scripts_root, real);
    free(real);
    cr_assert_eq(config->scripts_suffix.count, 2);
    cr_expect_str_eq(config->scripts_suffix.items[1], ".fcgi");
    cr_expect_eq(config->script_defaults.threads, 2);
    cr_expect_eq(config->script_defaults.reload, RELOAD_MODE_OFF);
    cr_expect_str_eq(config->script_defaults.env.variables.items[0], "X=y");
    cr_expect(config->script_defaults.dev);
    config_free(config);
    config = config_from_file("[scripts]\nroot = scripts\n");
    cr_assert_not_null(config, "%s", config_error.text);
    cr_assert_eq(config->scripts_suffix.count, 2);
    cr_expect_str_eq(config->scripts_suffix.items[0], ".py");
    cr_expect_str_eq(config->scripts_suffix.items[1], ".wsgi");
    config_free(config);
}

Test(config, booleans_have_eight_spellings) {
    static const struct {
        const char *text;
        bool value;
    } cases[] = {{"on", true},     {"off", false}, {"yes", true}, {"no", false}, {"true", true},
                 {"false", false}, {"1", true},    {"0", false},  {"ON", true},  {"False", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        snprintf(text, sizeof text, "[app a]\nfile = a.py\ndev = %s\n", cases[i].text);
        struct config *config = config_from_file(text);
        cr_assert_not_null(config, "%s", config_error.text);
        cr_expect_eq(config->apps[0].dev, cases[i].value, "%s", cases[i].text);
        config_free(config);
    }
}

#define APP_A "[app a]\nfile = a.py\n"
#define APP_B "[app b]\nfile = b.py\n"

/** The message must name test.conf:line, and say this. */
static const struct {
    const char *text;
    unsigned line; /* 0: none */
    const char *says;
} errors[] = {
    {"", 0, "no application"},
    {"[fcgi_host]\n", 0, "no application"},
    {"workers = 1\n", 1, "before the first section"},
    {APP_A "x = 1\n", 3, "x: no such key in [app NAME]"},
    {APP_A "control = c\n", 3, "control: no such key in [app NAME]; it belongs in [fcgi_host]"},
    {APP_A "process = a/b\n", 3, "process: "},
    {APP_A "process = web\n", 3, "[app a] process: there is no [process web]"},
    {"[process web]\n" APP_A, 1, "[process web]: no application has process = web"},
    {"[process web]\n[process web]\n" APP_A, 2, "two processes named web"},
    {"[process own]\n" APP_A, 1, "\"own\" has a meaning of its own"},
    {"[process shared]\n" APP_A, 1, "\"shared\" has a meaning of its own"},
    {"[process]\n" APP_A, 1, "not a process's name"},
    {"[process web]\nthreads = 1\n" APP_A, 2, "threads: no such key in [process NAME]"},
    {"[process web]\nworkers = 0\n" APP_A, 2, "workers: "},
    {"[process web]\n" APP_A "process = web\nworkers = 2\n", 5,
     "[app a] workers: belongs in [process web]"},
    {"[process a]\n" APP_A "process = own\n" APP_B "process = a\nmount = /b\n", 4,
     "[app a] process: there is a [process a]"},
    {APP_A "process = own\ngil = own\n", 4, "gil: "},
    {"[fcgi_host]\nthreads = 1\n" APP_A, 2, "threads: no such key in [fcgi_host]; it belongs in"},
    {"[scripts]\nroot = scripts\nmount = /x\n", 3, "mount: no such key in [scripts]"},
    {"[scripts]\nroot = scripts\ninterpreter = x\n", 3, "interpreter: no such key in [scripts]"},
    {APP_A "Threads = 1\n", 3, "Threads: no such key"},
    {APP_A "env. = 1\n", 3, "env.: no such key"},
    {APP_A "env = 1\n", 3, "env: no such key"},
    {"[apps x]\n", 1, "unknown section [apps x]"},
    {"[FCGI_HOST]\n", 1, "unknown section"},
    {"[app]\n", 1, "not an application name"},
    {"[app a b]\n", 1, "not an application name"},
    {"[app a\n", 1, "\"]\" is missing"},
    {"[app a] file = x\n", 1, "only a comment"},
    {APP_A "words\n", 3, "neither"},
    {APP_A "= x\n", 3, "no such key"},
    {APP_A "threads = 0\n", 3, "threads: \"0\" is not a number from 1 to 1024"},
    {APP_A "threads = 1025\n", 3, "threads: "},
    {APP_A "threads = -1\n", 3, "threads: "},
    {APP_A "threads = +1\n", 3, "threads: "},
    {APP_A "threads = 4.5\n", 3, "threads: "},
    {APP_A "threads = 0x4\n", 3, "threads: "},
    {APP_A "threads = 18446744073709551617\n", 3, "threads: "},
    {APP_A "threads =\n", 3, "threads: "},
    {APP_A "threads = 2\nqueue = 1\nthreads = 3\n", 5, "threads: given twice, first in line 3"},
    {APP_A "env.X = 1\nenv.X = 2\n", 4, "env.X: given twice"},
    {APP_A "mount = blog\n", 3, "mount: \"blog\" does not begin with /"},
    {APP_A "mount = /a//b\n", 3, "mount: "},
    {APP_A "mount = /a/../b\n", 3, "mount: "},
    {APP_A "mount = /./a\n", 3, "mount: "},
    {APP_A "host = a b\n", 3, "host: "},
    {APP_A "host = *.example.org\n", 3, "host: "},
    {APP_A "host =\n", 3, "host: "},
    {APP_A "callable = a.b\n", 3, "callable: "},
    {APP_A "callable = 1a\n", 3, "callable: "},
    {APP_A "interpreter = a/b\n", 3, "interpreter: "},
    {APP_A "check = healthz\n", 3, "check: "},
    {APP_A "reload = never\n", 3,
     "reload: \"never\" is not one of auto|interpreter|worker|restart|off"},
    {APP_A "on_stale = x\n", 3, "on_stale: "},
    {APP_A "on_client_gone = raise any\n", 3, "on_client_gone: "},
    {APP_A "gil = mine\n", 3, "gil: "},
    {APP_A "dev = maybe\n", 3, "dev: "},
    {APP_A "virtualenv = nowhere\n", 3, "virtualenv: "},
    {APP_A "virtualenv = a.py\n", 3, "not a folder"},
    {"[app a]\n", 1, "[app a] file: this key is required"},
    {"[app a]\nfile =\n", 2, "file: "},
    {"[app a]\n\nfile = c.py\n", 3, "c.py: No such file"},
    {"[app a]\nfile = venv\n", 2, "not a file"},
    {APP_A APP_B "[app a]\nfile = b.py\n", 5, "two applications named a"},
    {APP_A APP_B, 3, "[app a] has the same mount (/) and host (any)"},
    {APP_A "mount = /x\n" APP_B "\nmount = /x/\n", 7, "[app b] mount: [app a] has the same mount"},
    {APP_A "mount = /x\nhost = h\n" APP_B "mount = /x\nhost = H:80\n", 7, "host (h)"},
    {APP_A "interpreter = i\nvirtualenv = venv\n" APP_B "mount = /b\ninterpreter = i\n", 5,
     "virtualenv: differs from [app a]"},
    {APP_A "interpreter = i\nenv.X = 1\n" APP_B "mount = /b\ninterpreter = i\nenv.X = 2\n", 8,
     "env.X: differs from [app a]"},
    {"[fcgi_host]\n[fcgi_host]\n", 2, "there already, in line 1"},
    {"[scripts]\nroot = scripts\n[scripts]\n", 3, "there already"},
    {"[scripts]\n", 1, "root: this key is required"},
    {"[scripts]\nroot = nowhere\n", 2, "root: "},
    {"[scripts]\nroot = scripts\nsuffix =\n", 1, "suffix: empty"},
    {"[fcgi_host]\nlisten = x\n" APP_A, 2, "listen: bad address"},
    {"[fcgi_host]\nstatus_path = x\n" APP_A, 2, "status_path: "},
    {"[fcgi_host]\nlog_level = loud\n" APP_A, 2, "log_level: "},
    {"[fcgi_host]\nmax_interpreters = 1\n" APP_A APP_B "mount = /b\n", 2, "max_interpreters is 1"},
    {"[fcgi_host]\nlive = on\nworkers = 2\n" APP_A, 2, "live = on needs one worker process"},
    {"[fcgi_host]\nworkers = 0-1\nlive = on\n" APP_A, 3, "live = on needs one worker process"},
    {"[fcgi_host]\nlive = on\n" APP_A "process = own\nworkers = 2\n", 2, "live = on needs one"},
    {"[fcgi_host]\nlive = on\n[process p]\nworkers = 2\n" APP_A "process = p\n", 2,
     "live = on needs one"},
};

Test(config, errors_name_file_line_and_key) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct config *config = config_from_file(errors[i].text);
        cr_expect_null(config, "no error: %s", errors[i].text);
        cr_expect_eq(config_error.code, ERR_USAGE);
        char where[128];
        snprintf(where, sizeof where, "%s/test.conf:%u: ", config_folder, errors[i].line);
        if (errors[i].line) {
            cr_expect_eq(strncmp(config_error.text, where, strlen(where)), 0, "%s\nsays %s",
                         errors[i].text, config_error.text);
        }
        cr_expect_not_null(strstr(config_error.text, errors[i].says), "%s\nsays %s\nnot %s",
                           errors[i].text, config_error.text, errors[i].says);
        config_free(config);
    }
}

Test(config, a_line_too_long_or_with_a_nul_byte_is_an_error) {
    static char text[20000];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, APP_A "env.X = ", strlen(APP_A "env.X = "));
    cr_expect_null(config_from_file(text));
    cr_expect_not_null(strstr(config_error.text, "test.conf:3: line too long"), "%s",
                       config_error.text);
    FILE *file = fopen("test.conf", "w");
    fwrite(APP_A "env.X = a\0b\n", 1, strlen(APP_A) + 12, file);
    fclose(file);
    cr_expect_null(config_from_words(WORDS("-c", "test.conf"), NULL));
    cr_expect_not_null(strstr(config_error.text, "test.conf:3: line with a NUL byte"), "%s",
                       config_error.text);
}

Test(config, a_file_that_is_not_there_is_wrong_usage) {
    cr_expect_null(config_from_words(WORDS("-c", "/no/such.conf"), NULL));
    cr_expect_eq(config_error.code, ERR_USAGE);
    cr_expect_not_null(strstr(config_error.text, "/no/such.conf: No such file"));
}

Test(config, relative_paths_start_at_the_file_s_folder) {
    config_write("test.conf", "[fcgi_host]\nlog = my.log\ncontrol = ./ctl\n" APP_A);
    char file[128];
    snprintf(file, sizeof file, "%s", in_folder("test.conf"));
    cr_assert_eq(chdir("/"), 0);
    struct config *config = config_from_words(WORDS("--config", file), NULL);
    cr_assert_eq(chdir(config_folder), 0);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_str_eq(config->apps[0].file, in_folder("a.py"));
    cr_expect_str_eq(config->log, in_folder("my.log"));
    cr_expect_str_eq(config->control, in_folder("ctl"));
    cr_expect_str_eq(config->file, file);
    config_free(config);
}

Test(config, a_gil_of_its_own_needs_python_3_13) {
    struct config *config = config_from_file(APP_A "gil = own\n");
    if (FCGI_HOST_PYTHON_HAS_OWN_GIL) {
        cr_assert_not_null(config, "%s", config_error.text);
        cr_expect(config->apps[0].gil_own);
        config_free(config);
        cr_expect_null(config_from_file(APP_A "gil = own\ninterpreter = main\n"));
        cr_expect_not_null(strstr(config_error.text, "test.conf:3: [app a] gil: "));
        cr_expect_null(config_from_file(APP_A "gil = own\ninterpreter = i\n" APP_B
                                              "mount = /b\ninterpreter = i\n"));
        cr_expect_not_null(strstr(config_error.text, "gil: differs from [app a]"));
    } else {
        cr_expect_null(config);
        cr_expect_not_null(strstr(config_error.text, "test.conf:3: gil: own needs Python 3.13"));
    }
}

Test(config, imports_that_are_all_put_off_need_python_3_15) {
    struct config *config = config_from_file(APP_A "lazy_imports = all\n");
    if (FCGI_HOST_PYTHON_HAS_LAZY_IMPORTS) {
        cr_assert_not_null(config, "%s", config_error.text);
        cr_expect_eq(config->apps[0].lazy_imports, LAZY_IMPORTS_ALL);
        config_free(config);
    } else {
        cr_expect_null(config);
        cr_expect_not_null(
            strstr(config_error.text, "test.conf:3: lazy_imports: all needs Python 3.15"));
    }
}

Test(config, none_is_put_off_with_any_python) {
    struct config *config = config_from_file(APP_A "lazy_imports = off\n");
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_eq(config->apps[0].lazy_imports, LAZY_IMPORTS_OFF);
    config_free(config);
    cr_expect_null(config_from_file(APP_A "lazy_imports = off\ninterpreter = i\n" APP_B
                                          "mount = /b\ninterpreter = i\n"));
    cr_expect_not_null(strstr(config_error.text, "lazy_imports: differs from [app a]"));
}

Test(config, the_process_id_is_filled_into_the_control_socket) {
    char expected[128];
    struct config *config = config_from_file("[fcgi_host]\ncontrol = /run/x-%p-%p.ctl\n" APP_A);
    snprintf(expected, sizeof expected, "/run/x-%ld-%ld.ctl", (long)getpid(), (long)getpid());
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_str_eq(config->control, expected);
    config_free(config);
    config = config_from_words(WORDS("-t", "-c", "test.conf"), NULL);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_str_eq(config->control, "/run/x-%p-%p.ctl");
    config_free(config);
}

static char *print(const struct config *config) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    config_print(config, stream);
    fclose(stream);
    return text;
}

Test(config, what_is_printed_can_be_read_again) {
    struct config *config = config_from_file(
        "[fcgi_host]\nlisten = unix:/x,mode=0600\nworkers = 3\nlog_level = warn\n"
        "[app a]\nfile = a.py\nmount = /a\nhost = h\nthreads = 9\nenv.X = 1\nenv.Y = a b\n"
        "python_path = /p:/q\nwatch = x y\nreload = off\non_stale = refuse\ndev = yes\n"
        "[scripts]\nroot = scripts\nsuffix = .x\nqueue = 7\n");
    cr_assert_not_null(config, "%s", config_error.text);
    char *first = print(config);
    config_free(config);
    config = config_from_file(first);
    cr_assert_not_null(config, "%s: %s", config_error.text, first);
    char *second = print(config);
    cr_expect_str_eq(first, second);
    cr_expect_not_null(strstr(first, "\nenv.Y = a b\n"));
    cr_expect_not_null(strstr(first, "\nqueue = 7\n"));
    config_free(config);
    free(first);
    free(second);
}
