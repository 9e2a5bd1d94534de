#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/recycle/settings.h"

static struct settings join(const struct app_config *one, const struct app_config *other) {
    const struct app_config *configs[] = {one, other};
    struct settings settings;
    cr_assert_eq(settings_join(configs, other ? 2 : one ? 1 : 0, &settings), 0);
    return settings;
}

Test(settings, files_of_all_are_watched_from_the_folder_of_the_first) {
    const struct app_config blog = {.file = (char[]){"/srv/blog/app.wsgi"}};
    const struct app_config shop = {.file = (char[]){"/srv/shop/app.wsgi"}};
    struct settings settings = join(&blog, &shop);
    cr_assert_eq(settings.files.count, 2);
    cr_assert_str_eq(settings.files.items[0], "/srv/blog/app.wsgi");
    cr_assert_str_eq(settings.files.items[1], "/srv/shop/app.wsgi");
    cr_assert_str_eq(settings.base, "/srv/blog");
    cr_assert_eq(settings.watch.count, 0);
    cr_assert_eq(settings.ignore.count, 0);
    cr_assert(settings.is_watched);
    settings_free(&settings);
}

Test(settings, relative_patterns_start_at_the_folder_of_their_own_application) {
    char *blog_watch[] = {(char[]){"templates/*.html"}, (char[]){"/etc/blog/*.conf"}};
    char *shop_watch[] = {(char[]){"prices/*.csv"}};
    const struct app_config blog = {.file = (char[]){"/srv/blog/app.wsgi"},
                                    .watch = {blog_watch, 2}};
    const struct app_config shop = {.file = (char[]){"/srv/shop/app.wsgi"},
                                    .watch = {shop_watch, 1}};
    struct settings settings = join(&blog, &shop);
    cr_assert_eq(settings.watch.count, 3);
    cr_assert_str_eq(settings.watch.items[0], "/srv/blog/templates/*.html");
    cr_assert_str_eq(settings.watch.items[1], "/etc/blog/*.conf");
    cr_assert_str_eq(settings.watch.items[2], "/srv/shop/prices/*.csv");
    settings_free(&settings);
}

Test(settings, what_is_ignored_is_ignored_for_all) {
    char *blog_ignore[] = {(char[]){"*.tmp"}}, *shop_ignore[] = {(char[]){"cache/"}};
    const struct app_config blog = {.file = (char[]){"/srv/a.wsgi"}, .ignore = {blog_ignore, 1}};
    const struct app_config shop = {.file = (char[]){"/srv/b.wsgi"}, .ignore = {shop_ignore, 1}};
    struct settings settings = join(&blog, &shop);
    cr_assert_eq(settings.ignore.count, 2);
    cr_assert_str_eq(settings.ignore.items[0], "*.tmp");
    cr_assert_str_eq(settings.ignore.items[1], "cache/");
    settings_free(&settings);
}

Test(settings, the_longest_times_count) {
    const struct app_config blog = {
        .file = (char[]){"/srv/a.wsgi"}, .debounce_ms = 50, .drain_timeout_s = 30};
    const struct app_config shop = {
        .file = (char[]){"/srv/b.wsgi"}, .debounce_ms = 200, .drain_timeout_s = 5};
    struct settings settings = join(&blog, &shop);
    cr_assert_eq(settings.debounce_ms, 200);
    cr_assert_eq(settings.drain_timeout_s, 30);
    settings_free(&settings);
}

Test(settings, a_single_file_waits_as_long_as_an_administrator_says_else_not_for_long) {
    struct app_config blog = {.file = (char[]){"/srv/a.wsgi"}, .debounce_ms = 30};
    const struct app_config shop = {
        .file = (char[]){"/srv/b.wsgi"}, .debounce_ms = 20, .has_debounce = true};
    struct settings settings = join(&blog, NULL);
    cr_assert_eq(settings.single_ms, 5);
    settings_free(&settings);
    settings = join(&blog, &shop);
    cr_assert_eq(settings.single_ms, 20);
    settings_free(&settings);
    blog.has_debounce = true;
    settings = join(&blog, &shop);
    cr_assert_eq(settings.single_ms, 30);
    settings_free(&settings);
}

Test(settings, one_application_with_reload_off_keeps_all_unwatched) {
    const struct app_config blog = {.file = (char[]){"/srv/a.wsgi"}, .reload = RELOAD_MODE_AUTO};
    const struct app_config shop = {.file = (char[]){"/srv/b.wsgi"}, .reload = RELOAD_MODE_OFF};
    struct settings settings = join(&blog, &shop);
    cr_assert_not(settings.is_watched);
    settings_free(&settings);
}

Test(settings, a_file_in_the_root_and_no_application_at_all_have_the_root_as_base) {
    const struct app_config blog = {.file = (char[]){"/app.wsgi"}};
    struct settings settings = join(&blog, NULL);
    cr_assert_str_eq(settings.base, "/");
    settings_free(&settings);
    settings = join(NULL, NULL);
    cr_assert_str_eq(settings.base, "/");
    cr_assert_eq(settings.files.count, 0);
    settings_free(&settings);
}
