#include "reload/watch/path_set.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void count(void *ctx, const char *path) {
    (void)path;
    ++*(size_t *)ctx;
}

Test(path_set, a_path_is_there_once_until_it_or_a_folder_above_is_removed) {
    struct path_set *set = path_set_new();
    size_t visited = 0;
    cr_expect(eq(int, path_set_add(set, "/srv/app"), 1));
    cr_expect(eq(int, path_set_add(set, "/srv/app"), 0));
    path_set_add(set, "/srv/app/templates");
    path_set_add(set, "/srv/application");
    cr_expect(eq(sz, path_set_count(set), 3));
    path_set_each(set, count, &visited);
    cr_expect(eq(sz, visited, 3));
    path_set_remove_below(set, "/srv/app");
    cr_expect(not(path_set_has(set, "/srv/app")));
    cr_expect(not(path_set_has(set, "/srv/app/templates")));
    cr_expect(path_set_has(set, "/srv/application"));
    path_set_clear(set);
    cr_expect(eq(sz, path_set_count(set), 0));
    path_set_free(set);
}

Test(path_set, below_means_whole_components) {
    cr_expect(path_is_below("/a/b", "/a"));
    cr_expect(path_is_below("/a", "/a"));
    cr_expect(path_is_below("/a", "/"));
    cr_expect(not(path_is_below("/ab", "/a")));
    cr_expect(not(path_is_below("/a", "/a/b")));
}
