/* What was learnt of applications, in a folder of the test's own; files are what a table says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/log.h"
#include "fcgi_host/supervisor/placement_memory_internal.h"
#include "fcgi_host/supervisor/state_file.h"
#include "tests/support/temporary_folder.h"

static const char *s_folder;
static struct file_identity s_identity; /* of every file */
static bool s_is_there;

static bool identify(void *ctx, const char *path, struct file_identity *ret_identity) {
    (void)ctx, (void)path;
    *ret_identity = s_identity;
    return s_is_there;
}

static void set_up(void) {
    log_open("stderr", LOG_OFF, NULL);
    s_folder = temporary_folder();
    s_identity = (struct file_identity){1, UINT64_MAX, 3, 1700000000123456789};
    s_is_there = true;
}

TestSuite(placement_memory, .init = set_up);

static struct placement_memory *open_with(const char *python) {
    struct error err;
    const struct placement_memory_options options = {
        .folder = s_folder, .python = python, .identify = identify};
    struct placement_memory *memory = placement_memory_new(&options, &err);
    cr_assert_not_null(memory);
    return memory;
}

static char *s_blog[] = {(char *)"blog", (char *)"/srv/blog.py"};
static char *s_both[] = {(char *)"blog", (char *)"/srv/blog.py", (char *)"shop",
                         (char *)"/srv/shop.py"};

static const struct learnt_place s_of_blog = {"auto", "blog", {s_blog, 2}};
static const struct learnt_place s_of_both = {"auto", "blog", {s_both, 4}};

static struct learnt entry(const struct learnt_place *place, int64_t since_s) {
    return (struct learnt){.place = *place,
                           .verdict = "refuses",
                           .file = "/lib/numpy.so",
                           .why = "numpy refuses \"sub-interpreters\"\n",
                           .is_at_load = true,
                           .since_s = since_s};
}

static int64_t keep(const struct learnt_place *place, int64_t since_s) {
    struct placement_memory *memory = open_with("3.11.2");
    const struct learnt learnt = entry(place, since_s);
    int64_t known_s = placement_memory_keep(memory, &learnt);
    placement_memory_free(memory);
    return known_s;
}

/** @return since when something is known of a place, by another host; 0: nothing is */
static int64_t known_since(const struct learnt_place *place, const char *python) {
    struct placement_memory *memory = open_with(python);
    const struct learnt *learnt = placement_memory_find(memory, place);
    int64_t since_s = learnt ? learnt->since_s : 0;
    placement_memory_free(memory);
    return since_s;
}

Test(placement_memory, an_entry_is_found_as_it_was_kept) {
    keep(&s_of_blog, 17);
    struct placement_memory *memory = open_with("3.11.2");
    const struct learnt *learnt = placement_memory_find(memory, &s_of_blog);
    cr_assert_not_null(learnt);
    cr_expect_str_eq(learnt->verdict, "refuses");
    cr_expect_str_eq(learnt->file, "/lib/numpy.so");
    cr_expect_str_eq(learnt->why, "numpy refuses \"sub-interpreters\"\n");
    cr_expect_str_eq(learnt->python, "3.11.2");
    cr_expect(learnt->is_at_load);
    cr_expect(eq(i64, learnt->since_s, 17));
    placement_memory_free(memory);
}

Test(placement_memory, it_holds_for_the_same_applications_only) {
    struct learnt_place other = s_of_blog;
    keep(&s_of_blog, 17);
    other.process = "web";
    cr_expect(eq(i64, known_since(&other, "3.11.2"), 0));
    other = s_of_blog;
    other.interpreter = "both";
    cr_expect(eq(i64, known_since(&other, "3.11.2"), 0));
    cr_expect(eq(i64, known_since(&s_of_both, "3.11.2"), 0));
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 17), "and is still there");
}

Test(placement_memory, another_python_or_file_learns_again) {
    keep(&s_of_blog, 17);
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.3"), 0));
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 0), "it was forgotten");
    uint64_t *const parts[] = {&s_identity.device, &s_identity.inode, &s_identity.size,
                               (uint64_t *)&s_identity.mtime_ns};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        keep(&s_of_blog, 17);
        cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 17));
        ++*parts[i];
        cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 0));
    }
    keep(&s_of_blog, 17);
    s_is_there = false;
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 0));
}

Test(placement_memory, it_is_known_since_it_was_first_learnt) {
    cr_expect(eq(i64, keep(&s_of_blog, 17), 17));
    cr_expect(eq(i64, keep(&s_of_blog, 99), 17));
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 17));
    s_identity.size++;
    cr_expect(eq(i64, keep(&s_of_blog, 99), 99));
}

Test(placement_memory, what_is_learnt_of_an_application_takes_the_place_of_what_was_known) {
    keep(&s_of_blog, 17);
    keep(&s_of_both, 18);
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 0));
    cr_expect(eq(i64, known_since(&s_of_both, "3.11.2"), 18));
}

Test(placement_memory, what_another_host_has_learnt_meanwhile_stays) {
    char *shop[] = {(char *)"shop", (char *)"/srv/shop.py"};
    const struct learnt_place of_shop = {"auto", "shop", {shop, 2}};
    struct placement_memory *memory = open_with("3.11.2");
    keep(&of_shop, 18);
    const struct learnt learnt = entry(&s_of_blog, 17);
    placement_memory_keep(memory, &learnt);
    placement_memory_free(memory);
    cr_expect(eq(i64, known_since(&of_shop, "3.11.2"), 18));
    memory = open_with("3.11.2");
    placement_memory_forget(memory, &of_shop, "why");
    placement_memory_free(memory);
    cr_expect(eq(i64, known_since(&of_shop, "3.11.2"), 0));
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 17));
}

Test(placement_memory, the_oldest_entries_make_room) {
    enum { MORE = PLACEMENT_MEMORY_ENTRIES + 3 };
    struct placement_memory *memory = open_with("3.11.2");
    for (int i = 1; i <= MORE; i++) {
        char name[16], *app[] = {name, (char *)"/srv/app.py"};
        snprintf(name, sizeof name, "app%d", i);
        const struct learnt learnt = entry(&(struct learnt_place){"auto", name, {app, 2}}, i);
        placement_memory_keep(memory, &learnt);
    }
    placement_memory_free(memory);
    for (int i = 1; i <= MORE; i++) {
        char name[16], *app[] = {name, (char *)"/srv/app.py"};
        snprintf(name, sizeof name, "app%d", i);
        const struct learnt_place place = {"auto", name, {app, 2}};
        cr_expect(eq(i64, known_since(&place, "3.11.2"), i <= 3 ? 0 : i));
    }
}

Test(placement_memory, texts_of_any_length_stay_readable) {
    static char s_why[3 * PLACEMENT_MEMORY_TEXT_BYTES];
    memset(s_why, 'x', sizeof s_why - 1);
    struct learnt learnt = entry(&s_of_blog, 17);
    learnt.why = s_why;
    struct placement_memory *memory = open_with("3.11.2");
    placement_memory_keep(memory, &learnt);
    placement_memory_free(memory);
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 17));
}

Test(placement_memory, a_name_that_json_cannot_hold_is_not_kept) {
    char *odd[] = {(char *)"blog", (char *)"/srv/\xff.py"};
    const struct learnt_place place = {"auto", "blog", {odd, 2}};
    cr_expect(eq(i64, keep(&place, 17), 17));
    cr_expect(eq(i64, known_since(&place, "3.11.2"), 0));
}

Test(placement_memory, no_memory_keeps_nothing) {
    const struct learnt learnt = entry(&s_of_blog, 17);
    cr_expect(eq(i64, placement_memory_keep(NULL, &learnt), 17));
    cr_expect_null(placement_memory_find(NULL, &s_of_blog));
    placement_memory_forget(NULL, &s_of_blog, "why");
    placement_memory_free(NULL);
}

/** Each value of an entry in turn is missing, or of another type. */
Test(placement_memory, an_entry_that_lacks_a_value_is_none) {
    struct json_writer json = {0};
    struct learnt whole = entry(&s_of_blog, 17), *list;
    struct error err;
    whole.python = "3.11.2";
    learnt_write(&json, &whole);
    cr_assert(eq(int, learnt_read(json.text, json.bytes, &list, &err), 0));
    cr_expect_not_null(list);
    learnt_list_free(&list);
    for (const char *key = strstr(json.text, "\"process\""); key; key = strstr(key + 1, "\":")) {
        char *changed = strdup(json.text);
        changed[key - json.text + (*key == ':' ? 0 : 1)] ^= 1; /* the key, or its end */
        cr_expect(eq(int, learnt_read(changed, json.bytes, &list, &err), -1), "%s", changed);
        cr_expect(eq(int, err.code, ERR_PROTOCOL));
        cr_expect_null(list);
        free(changed);
    }
    free(json.text);
}

Test(placement_memory, a_text_that_is_cut_anywhere_is_none) {
    struct json_writer json = {0};
    struct learnt whole = entry(&s_of_both, 17), *list;
    struct error err;
    whole.python = "3.11.2";
    learnt_write(&json, &whole);
    for (size_t bytes = 0; bytes < json.bytes; bytes++) {
        cr_expect(eq(int, learnt_read(json.text, bytes, &list, &err), -1));
    }
    free(json.text);
}

Test(placement_memory, a_file_of_another_shape_is_set_aside) {
    struct error err;
    char *text;
    size_t bytes;
    cr_assert(eq(int, state_file_write(s_folder, PLACEMENT_MEMORY_FILE, "[1]", 3, &err), 0));
    placement_memory_free(open_with("3.11.2"));
    cr_assert(eq(
        int, state_file_read(s_folder, PLACEMENT_MEMORY_FILE ".bad", 10, &text, &bytes, &err), 0));
    cr_expect_str_eq(text, "[1]");
    free(text);
    keep(&s_of_blog, 17);
    cr_expect(eq(i64, known_since(&s_of_blog, "3.11.2"), 17));
}
