/** Stacks as faulthandler writes them, counted; the lines are Brendan Gregg's collapsed format. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "fcgi_host/commands/stack_tree.h"

static struct stack_node *s_root;

static void set_up(void) {
    s_root = stack_tree_new("all");
}
static void tear_down(void) {
    stack_tree_free(s_root);
}
TestSuite(stack_tree, .init = set_up, .fini = tear_down);

static void add(const char *thread, const char *stack) {
    cr_assert(eq(int, stack_tree_add(s_root, thread, stack, false), 0));
}

static void expect_lines(const char *expected) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    stack_tree_collapse(s_root, out);
    fclose(out);
    cr_expect_str_eq(text, expected);
    free(text);
}

#define DUMP_HEAD "Stack (most recent call first):\n"
#define DUMP_G "  File \"/a.py\", line 7 in g\n"
#define DUMP_F "  File \"/a.py\", line 3 in f\n"

Test(stack_tree, a_line_has_the_outermost_frame_first_and_the_count_last) {
    add("thread 5", DUMP_HEAD DUMP_G DUMP_F);
    expect_lines("thread 5;f (/a.py);g (/a.py) 1\n");
}

Test(stack_tree, the_same_stacks_are_counted_and_others_have_lines_of_their_own) {
    add("thread 5", DUMP_HEAD DUMP_G DUMP_F);
    add("thread 5", DUMP_HEAD DUMP_F);
    add("thread 6", DUMP_HEAD DUMP_F);
    add("thread 5", "Current thread 0x00007f (most recent call first):\n" DUMP_G DUMP_F);
    expect_lines("thread 5;f (/a.py) 1\nthread 5;f (/a.py);g (/a.py) 2\nthread 6;f (/a.py) 1\n");
    cr_expect(eq(ulong, s_root->count, 4));
    cr_expect(eq(ulong, s_root->first->count, 3));
}

Test(stack_tree, lines_of_a_function_are_told_apart_if_that_is_wanted) {
    cr_assert(eq(int, stack_tree_add(s_root, "t", DUMP_F, true), 0));
    cr_assert(eq(int, stack_tree_add(s_root, "t", "  File \"/a.py\", line 4 in f", true), 0));
    expect_lines("t;f (/a.py:3) 1\nt;f (/a.py:4) 1\n");
}

Test(stack_tree, a_request_without_python_code_is_the_hosts) {
    add("t", DUMP_HEAD "  <no Python frame>\n");
    add("t", "");
    expect_lines("t;(no Python code) 2\n");
}

Test(stack_tree, frames_that_were_left_out_are_marked) {
    add("t", DUMP_HEAD DUMP_G DUMP_F "  ...\n");
    expect_lines("t;...;f (/a.py);g (/a.py) 1\n");
}

Test(stack_tree, a_name_cannot_end_a_frame_nor_a_file) {
    add("t", "  File \"/a;b\", line 1 in x.py\", line 2 in <lambda>\n");
    expect_lines("t;<lambda> (/a:b\", line 1 in x.py) 1\n");
}

Test(stack_tree, what_is_no_frame_is_passed_over) {
    add("t", "  File \"/a.py\"\n  File \"/a.py\", line\n  File \"\", line ??? in \n" DUMP_F);
    expect_lines("t;f (/a.py); () 1\n");
}
