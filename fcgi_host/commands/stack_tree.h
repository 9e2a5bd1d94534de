/**
 * Stacks that were sampled, counted: a tree whose first level is threads, and each further one what
 * was called from there.
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_STACK_TREE_H
#define FCGI_HOST_COMMANDS_STACK_TREE_H

#include <stdbool.h>
#include <stdio.h>

struct stack_node {
    struct stack_node *next;  /**< called from the same place */
    struct stack_node *first; /**< called from here */
    unsigned long count;      /**< samples in which this was on the stack */
    unsigned long self;       /**< those in which it was innermost */
    char name[];
};

/** @return the root, or NULL: out of memory @owns the caller: stack_tree_free() */
struct stack_node *stack_tree_new(const char *name);
void stack_tree_free(struct stack_node *root);

/**
 * Count one sample.
 * @param thread      names the first level
 * @param stack       as faulthandler writes it, innermost frame first; without a frame it counts as
 *                    the host's
 * @param with_lines  frames of one function are told apart by their lines
 * @return 0, or -1: out of memory
 */
int stack_tree_add(struct stack_node *root, const char *thread, const char *stack, bool with_lines);

/** Write a line for each stack, "thread;frame;frame count", the outermost frame first: the format
 *  that flamegraph.pl and its like read. */
void stack_tree_collapse(const struct stack_node *root, FILE *out);

#endif
