/** Which application is in which process group: a table, without processes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/view.h"
#include "fcgi_host/supervisor/groups_internal.h"

enum { APPS = 5 };

static struct process_config s_web = {.name = (char *)"web", .workers = {3, 3}};
static struct app_config s_apps[APPS];
static struct config s_site;
static struct groups s_groups;

static struct app_config app(const char *name, const char *process, const char *interpreter) {
    return (struct app_config){.name = (char *)name,
                               .process = (char *)process,
                               .own.workers = {2, 2},
                               .interpreter = (char *)interpreter};
}

static void set_up(void) {
    s_apps[0] = app("a", "auto", "a");
    s_apps[1] = app("b", "auto", "both");
    s_apps[2] = app("c", "auto", "both");
    s_apps[3] = app("d", "own", "main");
    s_apps[4] = app("e", "web", "e");
    s_site = (struct config){.workers = {4, 4},
                             .apps = s_apps,
                             .app_count = APPS,
                             .processes = &s_web,
                             .process_count = 1,
                             .references = 100}; /* nobody frees it */
    s_groups = (struct groups){.site = &s_site};
}

static void tear_down(void) {
    grouping_free(&s_groups);
}

TestSuite(grouping, .init = set_up, .fini = tear_down);

static const char *move(const char *interpreter, const char *why) {
    return grouping_move(&s_groups, interpreter, &(struct reason){.why = why, .finding = ""});
}

/** The groups of all applications, "shared shared …". */
static const char *names(void) {
    static char s_text[256];
    s_text[0] = '\0';
    for (size_t i = 0; i < s_site.app_count; i++) {
        size_t length = strlen(s_text);
        snprintf(s_text + length, sizeof s_text - length, "%s%s", i ? " " : "",
                 grouping_name(&s_groups, &s_apps[i]));
    }
    return s_text;
}

Test(grouping, the_configuration_says_it_at_first) {
    cr_expect_str_eq(names(), "shared shared shared d web");
    cr_expect(grouping_has(&s_groups, &s_site, "web"));
    cr_expect_not(grouping_has(&s_groups, &s_site, "a"));
    cr_expect_null(grouping_scripts_name(&s_site));
}

Test(grouping, what_is_refused_moves_with_those_that_share_its_interpreter) {
    cr_expect_str_eq(move("both", "x refuses: Traceback (most…"), "both");
    cr_expect_str_eq(names(), "shared both both d web");
    struct home *homes = grouping_homes(&s_groups, &s_site);
    cr_expect_str_eq(homes[2].process, "both");
    cr_expect_str_eq(homes[2].why, "x refuses");
    cr_expect_gt(homes[2].since_s, 0);
    cr_expect_null(homes[0].why);
    cr_expect_str_eq(homes[APPS].process, "", "there are no scripts");
    free(homes);
}

Test(grouping, until_the_new_group_serves_the_home_is_the_old_one) {
    cr_assert_not_null(move("a", "why"));
    grouping_find_move(&s_groups, "a")->is_pending = true;
    struct home *homes = grouping_homes(&s_groups, &s_site);
    cr_expect_str_eq(homes[0].process, "shared");
    free(homes);
    cr_expect_str_eq(grouping_name(&s_groups, &s_apps[0]), "shared");
    cr_expect(grouping_loads(&s_groups, "a", &s_apps[0]), "what its fleet is started with");
    cr_expect(grouping_loads(&s_groups, "shared", &s_apps[0]), "what serves it until then");
    grouping_unmove(&s_groups, "a");
    cr_expect_str_eq(names(), "shared shared shared d web");
    cr_expect_null(grouping_find_move(&s_groups, "a"));
}

Test(grouping, a_group_name_is_taken_once) {
    struct group own = {.name = (char *)"a"};
    s_groups.first = &own;
    cr_expect_str_eq(move("a", "why"), "a-2");
    s_groups.first = NULL;
    s_apps[1].interpreter = (char *)"web";
    cr_expect_str_eq(move("web", "why"), "web-2");
}

Test(grouping, the_last_one_in_the_shared_group_stays) {
    cr_expect_not_null(move("a", "why"));
    cr_expect_null(move("both", "why"));
    cr_expect_str_eq(names(), "a shared shared d web");
    s_site.scripts_root = (char *)"/srv";
    cr_expect_not_null(move("both", "why"), "scripts are there, too");
    cr_expect(grouping_has(&s_groups, &s_site, CONFIG_PROCESS_SHARED));
}

Test(grouping, only_what_is_shared_can_move) {
    cr_expect_null(move("e", "why"));
    cr_expect_null(move("/srv/script.py", "why"));
    cr_expect_str_eq(names(), "shared shared shared d web");
}

Test(grouping, each_group_has_its_part) {
    static const struct {
        const char *group, *apps;
        unsigned workers;
    } s_cases[] = {{"shared", "a", 4}, {"both", "bc", 2}, {"d", "d", 2}, {"web", "e", 3}};
    struct error err;
    cr_assert_not_null(move("both", "why"));
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        struct config *part = grouping_part(&s_groups, &s_site, s_cases[i].group, &err);
        cr_assert_eq(part->app_count, strlen(s_cases[i].apps), "%s", s_cases[i].group);
        for (size_t j = 0; j < part->app_count; j++) {
            cr_expect_eq(part->apps[j].name[0], s_cases[i].apps[j]);
            bool is_moved = strcmp(s_cases[i].group, "both") == 0;
            cr_expect_eq(strcmp(part->apps[j].interpreter, "main") == 0,
                         is_moved || part->apps[j].name[0] == 'd');
        }
        cr_expect_eq(part->workers.most, s_cases[i].workers, "%s", s_cases[i].group);
        config_free(part);
    }
}
