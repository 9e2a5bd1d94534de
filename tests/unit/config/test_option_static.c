/** Folders that the web server answers from: what is read, and what no web server could use. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/config_fixture.h"

TestSuite(option_static, .init = config_setup);

static const char *item_of(const char *url, const char *name) {
    static char s_item[256];
    snprintf(s_item, sizeof s_item, "%s %s/%s", url, config_folder, name);
    return s_item;
}

Test(option_static, a_url_and_a_folder_are_read_and_several_are_kept_in_order) {
    cr_assert_eq(mkdir("my files", 0755), 0);
    struct config *config = config_from_file("[app blog]\nfile = a.py\n"
                                             "static = /static/ venv\n"
                                             "static = /a-b/c.d_~\t./my files\n");
    cr_assert_not_null(config, "%s", config_error.text);
    const struct string_list *folders = &config->apps[0].static_folders;
    cr_assert_eq(folders->count, 2);
    cr_expect_str_eq(folders->items[0], item_of("/static", "venv"));
    cr_expect_str_eq(folders->items[1], item_of("/a-b/c.d_~", "my files"));
    config_free(config);
}

Test(option_static, what_no_web_server_can_answer_from_is_an_error) {
    static const struct {
        const char *value, *error;
    } s_wrong[] = {
        {"static", "is not a URL path and a folder"},
        {"/static", "is not a URL path and a folder"},
        {"static venv", "does not begin with /"},
        {"/ venv", "is the application's"},
        {"/a//b venv", "empty"},
        {"/a/../b venv", "\"..\" segment"},
        {"/./b venv", "\".\""},
        {"/a\";b venv", "a URL path of letters"},
        {"/a$b venv", "a URL path of letters"},
        {"/\xc3\xa9 venv", "a URL path of letters"},
        {"/static nowhere", "nowhere"},
        {"/static a.py", "not a folder"},
        {"/static a$b", "cannot name a folder"},
        {"/static a\"b", "cannot name a folder"},
    };
    char text[256];
    cr_assert_eq(mkdir("a$b", 0755), 0);
    cr_assert_eq(mkdir("a\"b", 0755), 0);
    for (size_t i = 0; i < sizeof s_wrong / sizeof *s_wrong; i++) {
        snprintf(text, sizeof text, "[app blog]\nfile = a.py\nstatic = %s\n", s_wrong[i].value);
        cr_expect_null(config_from_file(text), "%s", s_wrong[i].value);
        cr_expect(strstr(config_error.text, s_wrong[i].error), "%s", config_error.text);
        cr_expect(strstr(config_error.text, ":3: static: "), "%s", config_error.text);
    }
}

Test(option_static, one_host_has_a_url_once) {
    static const char s_two[] = "[app blog]\nfile = a.py\nstatic = /static venv\n%s"
                                "[app shop]\nfile = b.py\nmount = /shop\nhost = x\n"
                                "static = /static scripts\n";
    char text[256];
    cr_expect_null(config_from_file("[app blog]\nfile = a.py\n"
                                    "static = /static venv\nstatic = /static/ scripts\n"));
    cr_expect(strstr(config_error.text, "given twice"), "%s", config_error.text);
    snprintf(text, sizeof text, s_two, "");
    struct config *config = config_from_file(text);
    cr_expect_not_null(config, "%s", config_error.text);
    config_free(config);
    snprintf(text, sizeof text, s_two, "host = x\n");
    cr_expect_null(config_from_file(text));
    cr_expect(strstr(config_error.text, "[app blog] has /static"), "%s", config_error.text);
}
