/** Process groups in a configuration, and the part of it that each group has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fcgi_host/config/view.h"
#include "tests/support/config_fixture.h"

#define APP_A "[app a]\nfile = a.py\n"
#define APP_B "[app b]\nfile = b.py\n"

TestSuite(processes, .init = config_setup);

Test(processes, process_groups_have_their_own_keys) {
    struct config *config =
        config_from_file("[process web]\nworkers = 3\nmax_rss_mb = 100\n" APP_A
                         "process = web\n" APP_B "mount = /b\nprocess = own\nworkers = 2\n");
    cr_assert_not_null(config, "%s", config_error.text);
    cr_expect_eq(config->process_count, 1);
    cr_expect_eq(config->processes[0].workers.most, 3);
    cr_expect_eq(config->processes[0].max_rss_mb, 100);
    cr_expect_str_eq(config->apps[0].process, "web");
    cr_expect_str_eq(config->apps[0].interpreter, "a");
    cr_expect_str_eq(config->apps[1].process, CONFIG_PROCESS_OWN);
    cr_expect_str_eq(config->apps[1].interpreter, CONFIG_MAIN_INTERPRETER);
    cr_expect_eq(config->apps[1].own.workers.most, 2);
    config_free(config);
}

Test(processes, a_number_of_workers_may_be_a_range) {
    static const struct {
        const char *text;
        unsigned least, most;
    } s_cases[] = {{"3", 3, 3}, {"1-4", 1, 4}, {"0-2", 0, 2}, {"2-2", 2, 2}};
    static const char *const wrong[] = {"0", "0-0", "4-2", "-2", "2-", "1-2-3", "1 - 2", "1-999"};
    char text[128];
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        snprintf(text, sizeof text, "[fcgi_host]\nworkers = %s\n" APP_A, s_cases[i].text);
        struct config *config = config_from_file(text);
        cr_assert_not_null(config, "%s", config_error.text);
        cr_expect_eq(config->workers.least, s_cases[i].least, "%s", s_cases[i].text);
        cr_expect_eq(config->workers.most, s_cases[i].most, "%s", s_cases[i].text);
        config_free(config);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text, APP_A "process = own\nworkers = %s\n", wrong[i]);
        cr_expect_null(config_from_file(text), "%s", wrong[i]);
        cr_expect_not_null(strstr(config_error.text, ":4: "), "%s", config_error.text);
        cr_expect_not_null(strstr(config_error.text, "range MIN-MAX"), "%s", config_error.text);
    }
}

Test(processes, what_cannot_meet_in_a_process_need_not_agree) {
    static const char *const texts[] = {
        APP_A "process = own\nenv.X = 1\n" APP_B "mount = /b\nprocess = own\nenv.X = 2\n",
        APP_A "interpreter = i\nenv.X = 1\n" APP_B
              "mount = /b\ninterpreter = i\nenv.X = 2\nprocess = own\n",
        "[fcgi_host]\nmax_interpreters = 1\n" APP_A APP_B "mount = /b\nprocess = own\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config *config = config_from_file(texts[i]);
        cr_expect_not_null(config, "%s: %s", texts[i], config_error.text);
        config_free(config);
    }
}

Test(processes, a_part_has_its_applications_and_keeps_the_whole) {
    struct config *site = config_from_file("[fcgi_host]\nworkers = 4\nmax_rss_mb = 50\n"
                                           "[scripts]\nroot = scripts\n" APP_A APP_B
                                           "mount = /b\nprocess = own\nworkers = 2\n");
    cr_assert_not_null(site, "%s", config_error.text);
    const size_t first = 0, second = 1;
    struct error err;
    struct config *shared = config_view(
        site, &(struct config_part){.apps = &first, .app_count = 1, .has_scripts = true}, &err);
    struct config *own = config_view(
        site, &(struct config_part){.process = &site->apps[1].own, .apps = &second, .app_count = 1},
        &err);
    cr_expect_eq(config_site(shared), site);
    cr_expect_eq(config_site(site), site);
    config_free(site); /* its parts keep it */
    cr_expect_eq(shared->app_count, 1);
    cr_expect_str_eq(shared->apps[0].name, "a");
    cr_expect_eq(shared->workers.most, 4);
    cr_expect_not_null(shared->scripts_root);
    cr_expect_eq(own->app_count, 1);
    cr_expect_str_eq(own->apps[0].name, "b");
    cr_expect_eq(own->workers.most, 2);
    cr_expect_eq(own->max_rss_mb, 50);
    cr_expect_null(own->scripts_root);
    config_free(shared);
    cr_expect_str_eq(config_site(own)->apps[0].name, "a");
    config_free(own);
}

Test(processes, an_application_that_moved_is_alone_in_main) {
    struct config *site = config_from_file(APP_A "interpreter = i\n");
    cr_assert_not_null(site, "%s", config_error.text);
    const size_t first = 0;
    struct error err;
    struct config *moved = config_view(
        site,
        &(struct config_part){
            .process = &site->apps[0].own, .apps = &first, .app_count = 1, .is_in_main = true},
        &err);
    cr_expect_str_eq(moved->apps[0].interpreter, CONFIG_MAIN_INTERPRETER);
    cr_expect_str_eq(site->apps[0].interpreter, "i");
    config_free(moved);
    config_free(site);
}

Test(processes, preload_is_auto_off_or_names_of_modules) {
    static const struct {
        const char *text, *value;
    } s_cases[] = {{"", CONFIG_PRELOAD_AUTO},
                   {"preload = off\n", CONFIG_PRELOAD_OFF},
                   {"preload =  django   numpy.linalg\t_x1 \n", "django numpy.linalg _x1"}};
    static const char *const wrong[] = {"a-b",    "a..b",  ".a",  "a.", "1a",
                                        "auto x", "x off", "a,b", ""};
    char text[128];
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        snprintf(text, sizeof text, APP_A "process = own\n%s", s_cases[i].text);
        struct config *config = config_from_file(text);
        cr_assert_not_null(config, "%s", config_error.text);
        size_t app = 0;
        const struct config_part own = {
            .process = &config->apps[0].own, .apps = &app, .app_count = 1};
        const struct config_part shared = {.apps = &app, .app_count = 1};
        struct config *own_part = config_view(config, &own, NULL);
        struct config *shared_part = config_view(config, &shared, NULL);
        cr_expect_str_eq(config_preload(own_part), s_cases[i].value);
        cr_expect_str_eq(config_preload(shared_part), s_cases[i].value);
        config_free(own_part);
        config_free(shared_part);
        config_free(config);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text, APP_A "process = own\npreload = %s\n", wrong[i]);
        cr_expect_null(config_from_file(text), "%s", wrong[i]);
        cr_expect_not_null(strstr(config_error.text, ":4: preload: "), "%s", config_error.text);
    }
}
