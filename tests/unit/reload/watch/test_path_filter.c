#include "reload/watch/path_filter.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

/* Expected values: Python's glob(recursive=True) and gitignore(5) for the same names. */
static const struct {
    const char *pattern, *path;
    bool matches;
} cases[] = {
    {"/a/*.html", "/a/x.html", true},
    {"/a/*.html", "/a/b/x.html", false},
    {"/a/**/*.html", "/a/x.html", true},
    {"/a/**/*.html", "/a/b/c/x.html", true},
    {"/a/**/*.html", "/ab/x.html", false},
    {"/a/**", "/a/b/c", true},
    {"/a/**", "/a", true},
    {"**/__pycache__/**", "/srv/app/__pycache__/x.pyc", true},
    {"**/__pycache__/**", "/srv/app/pycache/x.pyc", false},
    {"/a/**/b/**/c", "/a/b/x/b/y/c", true},
    {"/a/**/b/**/c", "/a/x/y/c", false},
    {"/a/[xy]?.txt", "/a/xz.txt", true},
    {"/a/[xy]?.txt", "/a/zz.txt", false},
    {"/a/b", "/a/b", true},
    {"/a/b", "/a", false},
    {"/a", "/a/b", false},
};

Test(path_filter, patterns_match_as_glob_and_gitignore_do) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(path_matches(cases[i].pattern, cases[i].path), cases[i].matches, "%s ~ %s",
                     cases[i].pattern, cases[i].path);
    }
}

Test(path_filter, ignore_wins_over_watch_and_relative_patterns_start_at_the_base) {
    char *watch[] = {(char *)"templates/**/*.html", (char *)"**/*.po"};
    char *ignore[] = {(char *)"**/cache/**", (char *)"templates/tmp.html"};
    const struct string_list watched = {watch, 2}, ignored = {ignore, 2};
    struct path_filter *filter = path_filter_new("/srv/app", &watched, &ignored, NULL);
    cr_assert(filter);
    cr_expect(path_filter_watches(filter, "/srv/app/templates/a.html"));
    cr_expect(path_filter_watches(filter, "/srv/app/locale/de/x.po"));
    cr_expect_not(path_filter_watches(filter, "/srv/other/x.po"));
    cr_expect_not(path_filter_watches(filter, "/srv/app/templates/cache/a.html"));
    cr_expect_not(path_filter_watches(filter, "/srv/app/templates/tmp.html"));
    path_filter_free(filter);
}

struct found {
    char text[4096];
};

static void note(void *ctx, const char *path, bool is_directory) {
    struct found *found = ctx;
    size_t used = strlen(found->text);
    snprintf(found->text + used, sizeof found->text - used, "%s%s\n", path,
             is_directory ? "/" : "");
}

static void make(const char *base, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fclose(file);
}

Test(path_filter, walk_visits_matching_files_and_the_directories_that_could_hold_more) {
    const char *base = temporary_folder();
    char path[512];
    snprintf(path, sizeof path, "%s/t", base);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/t/sub", base);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/t/sub/loop", base);
    cr_assert_eq(symlink("..", path), 0);
    make(base, "t/a.html");
    make(base, "t/sub/b.html");
    make(base, "t/sub/c.txt");
    char *watch[] = {(char *)"t/*/*.html", (char *)"t/a.html"};
    const struct string_list watched = {watch, 2}, ignored = {NULL, 0};
    struct path_filter *filter = path_filter_new(base, &watched, &ignored, NULL);
    struct found found = {""};
    path_filter_walk(filter, NULL, note, &found);
    cr_expect(strstr(found.text, "/t/sub/b.html\n"));
    cr_expect(strstr(found.text, "/t/sub/\n"));
    cr_expect(strstr(found.text, "/t/a.html\n"));
    cr_expect_not(strstr(found.text, "c.txt"));
    path_filter_free(filter);
}

Test(path_filter, walk_below_a_root_visits_what_a_whole_walk_visits_there) {
    const char *base = temporary_folder();
    char root[512];
    static const char *const folders[] = {"t", "t/a", "t/a/b", "t/c", "t/skip", "t/skip/d"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(root, sizeof root, "%s/%s", base, folders[i]);
        cr_assert_eq(mkdir(root, 0700), 0);
        snprintf(root, sizeof root, "%s/x.html", folders[i]);
        make(base, root);
    }
    char *watch[] = {(char *)"t/*/*.html"}, *ignore[] = {(char *)"**/skip"};
    const struct string_list watched = {watch, 1}, ignored = {ignore, 1};
    struct path_filter *filter = path_filter_new(base, &watched, &ignored, NULL);
    static const struct {
        const char *root, *visited;
    } expected[] = {
        {"t/a", "t/a/ t/a/x.html "},
        {"t/a/x.html", "t/a/x.html "},
        {"t/a/b", ""}, /* deeper than the pattern reaches */
        {"t/skip", ""},
        {"t/skip/d", ""},
        {"t/absent", ""},
        {"other", ""},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct found found = {""};
        char text[4096] = "";
        snprintf(root, sizeof root, "%s/%s", base, expected[i].root);
        path_filter_walk(filter, root, note, &found);
        for (char *line = strtok(found.text, "\n"); line; line = strtok(NULL, "\n")) {
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s ",
                     line + strlen(base) + 1);
        }
        cr_expect_str_eq(text, expected[i].visited, "%s", expected[i].root);
    }
    struct found whole = {""}, above = {""};
    path_filter_walk(filter, NULL, note, &whole);
    path_filter_walk(filter, base, note, &above);
    cr_expect_str_eq(above.text, whole.text);
    path_filter_free(filter);
}
