/** env.NAME = <FILE: whose value it is, who gets to see it, what is an error and where. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/config_fixture.h"

#define APP "[app a]\nfile = a.py\n"

static void setup(void) {
    config_setup();
    unsetenv("CREDENTIALS_DIRECTORY");
}

TestSuite(environment, .init = setup);

/** The only variable of the only application; "": there was an error, which is in config_error. */
static const char *variable_of(const char *file) {
    static char text[256];
    struct config *config = config_from_file(file);
    *text = '\0';
    if (config) {
        cr_assert_eq(config->apps[0].env.variables.count, 1);
        snprintf(text, sizeof text, "%s", config->apps[0].env.variables.items[0]);
    }
    config_free(config);
    return text;
}

Test(environment, a_value_is_read_from_a_file_without_the_newline_at_its_end) {
    static const struct {
        const char *written, *read;
    } cases[] = {
        {"secret\n", "X=secret"},
        {"secret", "X=secret"},
        {"two\nlines\n", "X=two\nlines"},
        {"one left\n\n", "X=one left\n"},
        {" kept ; #", "X= kept ; #"},
        {"", "X="},
        {"\n", "X="},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config_write("key", cases[i].written);
        cr_expect_str_eq(variable_of(APP "env.X = <key\n"), cases[i].read, "%s", config_error.text);
    }
}

Test(environment, relative_names_start_at_the_folder_of_the_configuration_file) {
    config_write("venv/key", "in venv\n");
    cr_expect_str_eq(variable_of(APP "env.X = <  venv/key ; a comment\n"), "X=in venv");
    char absolute[256];
    snprintf(absolute, sizeof absolute, APP "env.X = <%s/venv/key\n", config_folder);
    cr_expect_str_eq(variable_of(absolute), "X=in venv");
}

/** systemd.exec(5): LoadCredential=key:… is the file "key" in $CREDENTIALS_DIRECTORY. */
Test(environment, relative_names_are_those_of_credentials_where_there_are_any) {
    char folder[256], absolute[256];
    snprintf(folder, sizeof folder, "%s/venv", config_folder);
    snprintf(absolute, sizeof absolute, APP "env.X = <%s/key\n", config_folder);
    config_write("key", "of the folder\n");
    config_write("venv/key", "of the service\n");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    cr_expect_str_eq(variable_of(APP "env.X = <key\n"), "X=of the service");
    cr_expect_str_eq(variable_of(absolute), "X=of the folder", "an absolute name is itself");
    config_write("other", "of the folder\n");
    cr_expect_str_eq(variable_of(APP "env.X = <other\n"), "", "no second place is looked at");
    cr_expect_not_null(strstr(config_error.text, "venv/other: No such file"), "%s",
                       config_error.text);
    setenv("CREDENTIALS_DIRECTORY", "", 1);
    cr_expect_str_eq(variable_of(APP "env.X = <other\n"), "X=of the folder");
}

Test(environment, processes_and_the_host_have_them_too) {
    config_write("key", "secret\n");
    struct config *config =
        config_from_file("[fcgi_host]\nenv.A = <key\n[process p]\nenv.B = <key\n"
                         "env.C = plain\n" APP "process = p\n");
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_str_eq(config->process.env.variables.items[0], "A=secret");
    cr_expect_str_eq(config->processes[0].env.variables.items[0], "B=secret");
    cr_expect_str_eq(config->processes[0].env.variables.items[1], "C=plain");
    config_free(config);
}

static char *print(const struct config *config) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    config_print(config, out);
    fclose(out);
    return text;
}

Test(environment, what_is_printed_has_the_file_and_never_the_value) {
    config_write("key", "secret\n");
    struct config *config = config_from_file(APP "env.X = <key\nenv.Y = shown\n");
    cr_assert_not_null(config, "%s", config_error.text);
    char *text = print(config), line[256];
    config_free(config);
    snprintf(line, sizeof line, "\nenv.X = <%s/key\nenv.Y = shown\n", config_folder);
    cr_expect_not_null(strstr(text, line), "%s", text);
    cr_expect_null(strstr(text, "secret"));
    config = config_from_file(text);
    cr_assert_not_null(config, "%s: %s", config_error.text, text);
    cr_expect_str_eq(config->apps[0].env.variables.items[0], "X=secret");
    config_free(config);
    free(text);
}

/** `fcgi_host -c FILE status` needs the control socket's name, and not the rights to read secrets.
 */
Test(environment, commands_that_run_no_application_do_not_read_the_files) {
    config_write("test.conf", "[fcgi_host]\ncontrol = ctl\n" APP "env.X = <missing\n");
    static const char *const unread[] = {"status", "reload", "ping", "stop"};
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++) {
        enum command command;
        struct config *config = config_from_words(WORDS("-c", "test.conf", unread[i]), &command);
        cr_assert_not_null(config, "%s: %s", unread[i], config_error.text);
        config_free(config);
    }
    cr_expect_null(config_from_words(WORDS("-c", "test.conf", "-t"), NULL));
    cr_expect_null(config_from_words(WORDS("-c", "test.conf", "audit", "a.py"), NULL));
}

Test(environment, errors_name_file_line_and_key) {
    static const struct {
        const char *text, *says;
    } errors[] = {
        {APP "env.X = <missing\n", "/missing: No such file"},
        {APP "env.X = <a.py/key\n", "/a.py/key: Not a directory"},
        {APP "env.X = <venv\n", "/venv: not a file"},
        {APP "env.X = <pipe\n", "/pipe: not a file"},
        {APP "env.X = <\n", "the name of a file is missing"},
        {APP "env.X = < ; a comment\n", "the name of a file is missing"},
        {APP "env.X = <large\n", "/large: more than 131071 bytes"},
        {APP "env.X = <nul\n", "/nul: has a NUL byte"},
        {APP "env.X = <key\nenv.X = 1\n", "given twice"},
    };
    config_write("key", "secret\n");
    cr_assert_eq(mkfifo("pipe", 0600), 0);
    config_write("large", "");
    cr_assert_eq(truncate("large", 128 * 1024), 0);
    config_write("nul", "a");
    cr_assert_eq(truncate("nul", 2), 0);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct config *config = config_from_file(errors[i].text);
        cr_expect_null(config, "no error: %s", errors[i].text);
        char where[256];
        snprintf(where, sizeof where, "%s/test.conf:%d: env.X: ", config_folder,
                 strstr(errors[i].says, "twice") ? 4 : 3);
        cr_expect_eq(config_error.code, ERR_USAGE);
        cr_expect_eq(strncmp(config_error.text, where, strlen(where)), 0, "%s", config_error.text);
        cr_expect_not_null(strstr(config_error.text, errors[i].says), "%s\nnot %s",
                           config_error.text, errors[i].says);
        cr_expect_null(strstr(config_error.text, "secret"));
        config_free(config);
    }
}
