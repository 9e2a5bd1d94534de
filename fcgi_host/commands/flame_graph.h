/**
 * A flame graph: sampled stacks as an SVG image that needs nothing else, no script either.  Each
 * frame is a box over the one that has called it, as wide as its part of the samples; a pointer on
 * it shows its name, its samples and its part (SVG's <title>).
 *
 * Follows: Brendan Gregg, "The Flame Graph"; SVG 1.1.
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_FLAME_GRAPH_H
#define FCGI_HOST_COMMANDS_FLAME_GRAPH_H

#include <stdio.h>

#include "fcgi_host/commands/stack_tree.h"

/** Boxes that are narrower, in an image of this width, are left out. */
#define FLAME_GRAPH_LEAST_WIDTH 0.1
enum { FLAME_GRAPH_WIDTH = 1200 };

/** @param title  stands at the top */
void flame_graph_write(const struct stack_node *root, const char *title, FILE *out);

#endif
