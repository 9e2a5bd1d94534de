/** The image of a flame graph: boxes as wide as their part, over their callers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/commands/flame_graph.h"

static struct stack_node *s_root;
static char *s_image;

static void set_up(void) {
    s_root = stack_tree_new("all");
}
static void tear_down(void) {
    stack_tree_free(s_root);
    free(s_image);
}
TestSuite(flame_graph, .init = set_up, .fini = tear_down);

static void draw(const char *title) {
    size_t bytes;
    FILE *out = open_memstream(&s_image, &bytes);
    flame_graph_write(s_root, title, out);
    fclose(out);
}

/** Add samples of a function that is called by "outer". */
static void add(const char *function, int times) {
    char stack[256];
    snprintf(stack, sizeof stack, "  File \"a.py\", line 1 in %s\n  File \"a.py\", line 2 in outer",
             function);
    for (int i = 0; i < times; i++) {
        cr_assert(eq(int, stack_tree_add(s_root, "t", stack, false), 0));
    }
}

/** Read an attribute of the box whose title begins with a text. */
static double attribute(const char *title, const char *name) {
    char begin[256];
    snprintf(begin, sizeof begin, "<title>%s", title);
    const char *box = strstr(s_image, begin);
    cr_assert(box != NULL, "%s is not in %s", title, s_image);
    const char *rect = strstr(box, "<rect ");
    snprintf(begin, sizeof begin, " %s=\"", name);
    const char *value = rect ? strstr(rect, begin) : NULL;
    cr_assert(value != NULL);
    return strtod(value + strlen(begin), NULL);
}

Test(flame_graph, a_box_is_as_wide_as_its_part_of_the_samples) {
    add("f", 3);
    add("g", 1);
    draw("x");
    double all = attribute("all", "width");
    cr_expect(eq(dbl, attribute("outer", "width"), all));
    cr_expect(epsilon_eq(dbl, attribute("f ", "width"), 0.75 * all, 0.1));
    cr_expect(epsilon_eq(dbl, attribute("g ", "width"), 0.25 * all, 0.1));
}

Test(flame_graph, boxes_of_one_caller_stand_side_by_side_over_it) {
    add("f", 3);
    add("g", 1);
    draw("x");
    cr_expect(eq(dbl, attribute("f ", "x"), attribute("outer", "x")));
    cr_expect(epsilon_eq(dbl, attribute("g ", "x"), attribute("f ", "x") + attribute("f ", "width"),
                         0.11));
    cr_expect(eq(dbl, attribute("f ", "y"), attribute("g ", "y")));
    cr_expect(lt(dbl, attribute("f ", "y"), attribute("outer", "y")));
    cr_expect(lt(dbl, attribute("outer", "y"), attribute("all", "y")));
}

Test(flame_graph, a_title_says_name_samples_and_part) {
    add("f", 3);
    add("g", 1);
    draw("x");
    cr_expect(strstr(s_image, "<title>f (a.py) (3 samples, 75.0 %)</title>") != NULL);
}

Test(flame_graph, names_are_text_whatever_is_in_them) {
    add("<lambda>", 1);
    draw("a & b </svg>");
    cr_expect(strstr(s_image, "<lambda>") == NULL);
    cr_expect(strstr(s_image, "&lt;lambda&gt; (a.py)") != NULL);
    cr_expect(strstr(s_image, "a &amp; b &lt;/svg&gt;") != NULL);
    cr_expect(strstr(s_image, "<script") == NULL);
}

Test(flame_graph, a_name_that_does_not_fit_is_cut_and_its_title_is_whole) {
    add("a_function_with_a_long_name", 1);
    add("g", 20);
    draw("x");
    cr_expect(strstr(s_image, "<title>a_function_with_a_long_name (a.py)") != NULL);
    cr_expect(strstr(s_image, ">a_function_with_a_long_name (a.py)</text>") == NULL);
    cr_expect(strstr(s_image, ">a_fun") != NULL);
}

Test(flame_graph, boxes_that_nobody_sees_are_left_out) {
    add("f", 1);
    add("g", 20000);
    draw("x");
    cr_expect(strstr(s_image, "<title>f ") == NULL);
    cr_expect(strstr(s_image, "<title>g ") != NULL);
}

Test(flame_graph, nothing_sampled_is_an_image_too) {
    draw("x");
    cr_expect(strstr(s_image, "</svg>\n") != NULL);
    cr_expect(strstr(s_image, "nan") == NULL);
    cr_expect(strstr(s_image, "inf") == NULL);
}
