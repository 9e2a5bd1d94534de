/** Which application is in which process group: a table, without processes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/view.h"
#include "fcgi_host/link/scoreboard.h"
#include "fcgi_host/supervisor/fleet_internal.h"
#include "fcgi_host/supervisor/groups_internal.h"
#include "pool/base/clock.h"

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

static const struct moved *try_move(const char *interpreter, const char *why) {
    return grouping_move(&s_groups, interpreter, &(struct reason){.why = why, .finding = ""});
}

static const char *move(const char *interpreter, const char *why) {
    const struct moved *moved = try_move(interpreter, why);
    return moved ? moved->group : NULL;
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

/* ---- Scripts ---- */

/** Files that are there; what is in them does not matter. */
static const char *const s_paths[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random"};

static void set_up_scripts(void) {
    set_up();
    s_site.scripts_root = (char *)"/dev";
    s_site.scripts_max_processes = 2;
}

TestSuite(grouping_scripts, .init = set_up_scripts, .fini = tear_down);

/** A group without workers, as after group_add(). */
static void add_group(struct group *group, const char *name) {
    static char s_names[8][32];
    static size_t s_count;
    char *copy = s_names[s_count++];
    snprintf(copy, sizeof s_names[0], "%s", name);
    *group = (struct group){.name = copy, .all = &s_groups, .next = s_groups.first};
    s_groups.first = group;
}

static const char *move_script(struct group *group, const char *path) {
    const struct moved *moved = try_move(path, "why");
    cr_assert_not_null(moved);
    cr_expect(moved->is_script);
    if (!group_find(&s_groups, moved->group)) {
        add_group(group, moved->group);
    }
    return moved->group;
}

Test(grouping_scripts, each_has_a_group_until_there_are_too_many) {
    static struct group s_made[3];
    cr_expect_str_eq(move_script(&s_made[0], "/dev/null"), "/dev/null");
    cr_expect_str_eq(move_script(&s_made[1], "/dev/zero"), "/dev/zero");
    cr_expect_str_eq(move_script(&s_made[2], "/dev/full"), "scripts");
    cr_expect_str_eq(move_script(NULL, "/dev/random"), "scripts");
    cr_expect_null(try_move("/dev/null", "again"));
}

Test(grouping_scripts, only_what_is_below_the_root) {
    cr_expect(grouping_is_script(&s_site, "/dev/null"));
    cr_expect_not(grouping_is_script(&s_site, "/device/null"));
    cr_expect_not(grouping_is_script(&s_site, "/dev"));
    cr_expect_not(grouping_is_script(&s_site, "a"));
    s_site.scripts_root = (char *)"/";
    cr_expect(grouping_is_script(&s_site, "/dev/null"));
    s_site.scripts_root = NULL;
    cr_expect_not(grouping_is_script(&s_site, "/dev/null"));
}

Test(grouping_scripts, the_part_of_a_group_has_its_scripts) {
    static struct group s_made[3];
    struct error err;
    for (int i = 0; i < 4; i++) {
        move_script(&s_made[i < 3 ? i : 2], s_paths[i]);
    }
    struct config *part = grouping_part(&s_groups, &s_site, "/dev/null", &err);
    cr_expect_eq(part->app_count, 0);
    cr_assert_eq(part->scripts_in_main.count, 1);
    cr_expect_str_eq(part->scripts_in_main.items[0], "/dev/null");
    cr_expect_str_eq(part->scripts_root, "/dev");
    cr_expect_eq(part->workers.most, 1);
    config_free(part);
    part = grouping_part(&s_groups, &s_site, "scripts", &err);
    cr_expect_eq(part->scripts_in_main.count, 2);
    config_free(part);
    part = grouping_part(&s_groups, &s_site, CONFIG_PROCESS_SHARED, &err);
    cr_expect_eq(part->scripts_in_main.count, 0);
    cr_expect_str_eq(part->scripts_root, "/dev");
    config_free(part);
}

Test(grouping_scripts, its_own_group_is_the_first_to_know) {
    static struct group s_made;
    size_t count;
    move_script(&s_made, "/dev/null");
    s_groups.moved->is_pending = true;
    free(grouping_script_homes(&s_groups, NULL, &count));
    cr_expect_eq(count, 0);
    struct script_home *homes = grouping_script_homes(&s_groups, "/dev/null", &count);
    cr_assert_eq(count, 1);
    cr_expect_str_eq(homes[0].path, "/dev/null");
    cr_expect_str_eq(homes[0].home.why, "why");
    free(homes);
    s_groups.moved->is_pending = false;
    free(grouping_script_homes(&s_groups, NULL, &count));
    cr_expect_eq(count, 1);
}

Test(grouping_scripts, a_group_whose_script_is_no_longer_below_the_root_has_nothing) {
    static struct group s_made;
    move_script(&s_made, "/dev/null");
    cr_expect(grouping_has(&s_groups, &s_site, "/dev/null"));
    s_site.scripts_root = (char *)"/var";
    cr_expect_not(grouping_has(&s_groups, &s_site, "/dev/null"));
}

Test(grouping_scripts, a_script_that_is_gone_makes_room) {
    static struct group s_made[3];
    s_site.scripts_max_processes = 1;
    cr_expect_str_eq(move_script(&s_made[0], "/dev/is-gone.py"), "/dev/is-gone.py");
    cr_expect_str_eq(move_script(&s_made[1], "/dev/null"), "/dev/null");
    cr_expect(s_made[0].is_leaving);
    cr_expect(s_made[0].has_ended);
    cr_expect_null(grouping_moved(&s_groups, "/dev/is-gone.py"));
    cr_expect_str_eq(move_script(&s_made[2], "/dev/zero"), "scripts");
}

/** A worker that began its last request at this time, in seconds. */
struct used {
    struct group group;
    struct fleet fleet;
    struct seats seats;
    struct worker_process process;
};

static struct scoreboard_slot *use(struct used *used, const char *path, uint64_t at_s) {
    move_script(&used->group, path);
    used->fleet.seats = &used->seats;
    used->seats.processes = &used->process;
    used->group.fleet = &used->fleet;
    used->process.state = PROCESS_SERVING;
    used->process.board = scoreboard_new(NULL);
    atomic_store(&used->process.board->used, 1);
    atomic_store(&used->process.board->slots[0].started_ns, at_s * CLOCK_NS_PER_S);
    return &used->process.board->slots[0];
}

Test(grouping_scripts, the_one_that_was_idle_longest_makes_room_after_a_minute) {
    static struct used s_one, s_two;
    struct scoreboard_slot *one = use(&s_one, "/dev/null", 1000), *two;
    two = use(&s_two, "/dev/zero", 1010);
    cr_expect_null(group_scripts_find_unused(&s_groups, 1059 * CLOCK_NS_PER_S));
    cr_expect_eq(group_scripts_find_unused(&s_groups, 1061 * CLOCK_NS_PER_S), &s_one.group);
    cr_expect_eq(group_scripts_find_unused(&s_groups, 2000 * CLOCK_NS_PER_S), &s_one.group);
    atomic_store(&one->activity, SLOT_SERVING);
    cr_expect_eq(group_scripts_find_unused(&s_groups, 2000 * CLOCK_NS_PER_S), &s_two.group);
    atomic_store(&two->activity, SLOT_LOADING);
    cr_expect_null(group_scripts_find_unused(&s_groups, 2000 * CLOCK_NS_PER_S));
    atomic_store(&two->activity, SLOT_IDLE);
    s_two.process.state = PROCESS_LOADING;
    cr_expect_null(group_scripts_find_unused(&s_groups, 2000 * CLOCK_NS_PER_S));
    scoreboard_free(s_one.process.board);
    scoreboard_free(s_two.process.board);
    s_groups.first = NULL;
}
