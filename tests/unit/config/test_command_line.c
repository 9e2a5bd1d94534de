/** The command line: options, applications, commands. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi_host/config/command_line.h"
#include "fcgi_host/config/load.h"
#include "tests/support/config_fixture.h"

TestSuite(command_line, .init = config_setup);

Test(command_line, applications_and_options_stand_in_any_order) {
    enum command command;
    struct config *config = config_from_words(
        WORDS("a.py", "--threads", "7", "other=b.py:app", "-lunix:/x", "--workers=2", "--dev",
              "--log-level", "debug", "--log=x.log", "--control", "c", "--status-path", "/-/s"),
        &command);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_eq(command, COMMAND_RUN);
    cr_expect_str_eq(config->listen, "unix:/x");
    cr_expect_eq(config->workers.most, 2);
    cr_expect_eq(config->log_level, LOG_DEBUG);
    cr_expect_eq(strncmp(config->log, config_folder, strlen(config_folder)), 0, "absolute");
    cr_expect_str_eq(config->status_path, "/-/s");
    cr_assert_eq(config->app_count, 2);
    cr_expect_str_eq(config->apps[0].name, "a");
    cr_expect_str_eq(config->apps[1].name, "other");
    cr_expect_str_eq(config->apps[1].callable, "app");
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(config->apps[i].threads, 7);
        cr_expect(config->apps[i].dev);
        cr_expect_eq(config->apps[i].file[0], '/');
    }
    config_free(config);
}

Test(command_line, options_go_before_the_file_but_not_before_what_an_application_sets) {
    config_write("test.conf", "[fcgi_host]\nworkers = 2\nlog_level = warn\n"
                              "[app a]\nfile = a.py\nthreads = 2\nmount = /a\n"
                              "[app b]\nfile = b.py\nmount = /b\n"
                              "[scripts]\nroot = scripts\ndev = off\n");
    struct config *config = config_from_words(
        WORDS("-c", "test.conf", "--workers", "3", "--threads", "9", "--dev", "c=a.py"), NULL);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_eq(config->workers.most, 3);
    cr_expect_eq(config->log_level, LOG_WARN);
    cr_assert_eq(config->app_count, 3);
    cr_expect_eq(config->apps[0].threads, 2);
    cr_expect_eq(config->apps[1].threads, 9);
    cr_expect_eq(config->apps[2].threads, 9);
    cr_expect_eq(config->script_defaults.threads, 9);
    cr_expect_not(config->script_defaults.dev);
    cr_expect(config->apps[0].dev);
    config_free(config);
}

Test(command_line, app_arguments_are_taken_apart) {
    static const struct {
        const char *text, *name, *file, *callable;
    } cases[] = {
        {"a.py", "a", "a.py", NULL},
        {"./a.py", "a", "./a.py", NULL},
        {"a.py:app", "a", "a.py", "app"},
        {"blog=a.py", "blog", "a.py", NULL},
        {"blog=a.py:app", "blog", "a.py", "app"},
        {"my-blog.2=a.py", "my-blog.2", "a.py", NULL},
        /* not there: every part is taken */
        {"none.py", "none", "none.py", NULL},
        {"x=none.py:app", "x", "none.py", "app"},
        /* files with odd names */
        {"c:d.py", "c_d", "c:d.py", NULL},
        {"c:d.py:app", "c_d", "c:d.py", "app"},
        {"e=f.py", "e_f", "e=f.py", NULL},
        {"g=e=f.py", "g", "e=f.py", NULL},
        {"./e=f.py", "e_f", "./e=f.py", NULL},
        {"g:app", "g", "g", "app"},
        {"h:app", "h_app", "h:app", NULL},
        {"s p.py", "s_p", "s p.py", NULL},
        {".hidden", ".hidden", ".hidden", NULL},
        {"two.dots.py", "two.dots", "two.dots.py", NULL},
        /* not a name, not a callable */
        {"a/b=c.py", "b_c", "a/b=c.py", NULL},
        {"a.py:1", "a", "a.py:1", NULL},
    };
    static const char *const files[] = {"c:d.py", "e=f.py", "g", "h:app", "h", "s p.py"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        config_write(files[i], "");
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct app_argument argument;
        struct error err;
        cr_assert_eq(app_argument_parse(cases[i].text, &argument, &err), 0, "%s", cases[i].text);
        cr_expect_str_eq(argument.name, cases[i].name, "%s: %s", cases[i].text, argument.name);
        cr_expect_str_eq(argument.file, cases[i].file, "%s: %s", cases[i].text, argument.file);
        cr_expect(cases[i].callable
                      ? argument.callable && strcmp(argument.callable, cases[i].callable) == 0
                      : argument.callable == NULL,
                  "%s", cases[i].text);
        app_argument_clear(&argument);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        unlink(files[i]);
    }
}

static const struct {
    const char *words[4];
    const char *says;
} errors[] = {
    {{NULL}, "no application"},
    {{"", NULL}, "file name is missing"},
    {{"name=", NULL}, "name="},
    {{"--no-such", "a.py", NULL}, "--no-such"},
    {{"-x", "a.py", NULL}, "-x"},
    {{"-tx", "a.py", NULL}, "-x"},
    {{"--dev=perhaps", "a.py", NULL}, "--dev=perhaps"},
    {{"a.py", "--threads", NULL}, "--threads needs a value"},
    {{"a.py", "-l", NULL}, "-l needs a value"},
    {{"a.py", "--threads=0", NULL}, "--threads: \"0\" is not a number from 1 to 1024"},
    {{"a.py", "--log-level=x", NULL}, "--log-level: "},
    {{"a.py", "--listen=x", NULL}, "--listen: bad address"},
    {{"a.py", "--status-path=x", NULL}, "--status-path: "},
    {{"a.py", "a.py", NULL}, "a.py: there are two applications named a"},
    {{"none.py", NULL}, "none.py: No such file"},
    {{"a.py:app:x", NULL}, "a.py:app: No such file"},
};

Test(command_line, wrong_usage_says_what_is_wrong) {
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct config *config = config_from_words(errors[i].words, NULL);
        cr_expect_null(config, "case %zu", i);
        cr_expect_eq(config_error.code, ERR_USAGE, "case %zu", i);
        cr_expect_not_null(strstr(config_error.text, errors[i].says), "case %zu: %s", i,
                           config_error.text);
    }
}

Test(command_line, help_and_version_need_nothing_else) {
    enum command command = COMMAND_RUN;
    cr_expect_null(config_from_words(WORDS("--help"), &command));
    cr_expect_eq(command, COMMAND_HELP);
    cr_expect_null(config_from_words(WORDS("--version"), &command));
    cr_expect_eq(command, COMMAND_VERSION);
    cr_expect_eq(config_error.code, ERR_NONE);
}

Test(command_line, after_two_dashes_everything_is_an_application) {
    config_write("--dev", "");
    struct config *config = config_from_words(WORDS("--", "x=--dev"), NULL);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_str_eq(config->apps[0].name, "x");
    config_free(config);
    config = config_from_words(WORDS("--", "--dev"), NULL);
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_str_eq(config->apps[0].name, "--dev");
    config_free(config);
    unlink("--dev");
}

Test(command_line, a_command_takes_the_words_behind_it) {
    char *argv[] = {(char *)"fcgi_host", (char *)"-c", (char *)"test.conf", (char *)"status",
                    (char *)"--json",    (char *)"-s", (char *)"x",         NULL};
    struct command_line line;
    struct config *config;
    struct error err;
    config_write("test.conf", "[fcgi_host]\ncontrol = /x\n[app a]\nfile = a.py\n");
    cr_assert_eq(config_load(7, argv, &line, &config, &err), 0, "%s", err.text);
    cr_expect_eq(line.command, COMMAND_STATUS);
    cr_assert_eq(line.argc, 4);
    cr_expect_str_eq(line.argv[0], "status");
    cr_expect_str_eq(line.argv[3], "x");
    cr_assert_not_null(config);
    cr_expect_str_eq(config->control, "/x");
    config_free(config);
    cr_assert_eq(config_load(3, argv + 3 - 1, &line, &config, &err), 0, "%s", err.text);
    cr_expect_null(config, "no file was named");
}

static char *help(void) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    config_print_help(stream);
    fclose(stream);
    return text;
}

Test(command_line, help_names_every_option_and_fits_a_terminal) {
    char *text = help();
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].flag) {
            char flag[64];
            snprintf(flag, sizeof flag, "--%s", options[i].flag);
            cr_expect_not_null(strstr(text, flag), "%s", flag);
        }
    }
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        cr_expect_leq(strlen(line), 80, "%s", line);
    }
    free(text);
}
