/** Folders in the languages of web servers: what real ones make of it is in e2e/test_serve.py. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/static_folders.h"

static struct string_list s_folders;
static struct error s_error;

static char *written(enum web_server server, enum static_folders_use use) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    static_folders_write(out, server, &s_folders, use);
    fclose(out);
    return text;
}

static void teardown(void) {
    string_list_clear(&s_folders);
}

TestSuite(static_folders, .fini = teardown);

Test(static_folders, each_server_has_its_language) {
    cr_assert_eq(static_folders_add(&s_folders, "/s.1/", "/usr/", &s_error), 0);
    static const char *const expected[] = {
        [WEB_SERVER_LIGHTTPD] = "$HTTP[\"url\"] =~ \"^/s\\.1/\" {\n"
                                "    fastcgi.server = ()\n"
                                "    alias.url = ( \"/s.1/\" => \"/usr/\" )\n"
                                "}\n",
        [WEB_SERVER_NGINX] = "    location ^~ /s.1/ {\n"
                             "        alias \"/usr/\";\n"
                             "    }\n",
        [WEB_SERVER_APACHE] = "Alias \"/s.1/\" \"/usr/\"\n"
                              "ProxyPass \"/s.1/\" \"!\"\n"
                              "<Location \"/s.1/\">\n"
                              "    Require all granted\n"
                              "</Location>\n",
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char *text = written((enum web_server)i, STATIC_FOLDERS_SITE);
        cr_expect_str_eq(text, expected[i]);
        free(text);
    }
}

Test(static_folders, longer_urls_come_first) {
    cr_assert_eq(static_folders_add(&s_folders, "/a", "/usr", &s_error), 0);
    cr_assert_eq(static_folders_add(&s_folders, "/a/bc", "/etc", &s_error), 0);
    char *text = written(WEB_SERVER_APACHE, STATIC_FOLDERS_SITE);
    cr_expect_lt(strstr(text, "\"/a/bc/\""), strstr(text, "\"/a/\""));
    free(text);
}

Test(static_folders, what_is_no_folder_is_refused) {
    cr_expect_eq(static_folders_add(&s_folders, "/a", "/nowhere", &s_error), -1);
    cr_expect_eq(static_folders_add(&s_folders, "a", "/usr", &s_error), -1);
    cr_expect_eq(s_folders.count, 0);
}

Test(static_folders, of_two_applications_the_first_has_the_url) {
    struct app_config apps[2] = {{.name = (char *)"blog"}, {.name = (char *)"shop"}};
    struct config config = {.apps = apps, .app_count = 2};
    string_list_add(&apps[0].static_folders, strdup("/static /srv/blog"));
    string_list_add(&apps[1].static_folders, strdup("/static /srv/shop"));
    string_list_add(&apps[1].static_folders, strdup("/media /srv/media"));
    string_list_add(&s_folders, strdup("/media /srv/media"));
    cr_assert_eq(static_folders_add_all(&s_folders, &config, "serve", &s_error), 0);
    cr_assert_eq(s_folders.count, 2);
    cr_expect_str_eq(s_folders.items[0], "/static /srv/blog");
    cr_expect_str_eq(s_folders.items[1], "/media /srv/media");
    string_list_clear(&apps[0].static_folders);
    string_list_clear(&apps[1].static_folders);
}
