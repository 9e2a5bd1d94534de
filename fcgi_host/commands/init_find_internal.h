/**
 * What the files that implement init_find.h share.
 *
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_INIT_FIND_INTERNAL_H
#define FCGI_HOST_COMMANDS_INIT_FIND_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/commands/init_find.h"

#define INIT_FLASK "Flask application"

/** @return the beginning of a file, malloc'ed and NUL-terminated; NULL: it cannot be read */
char *init_read_source(const char *path);

/** Whether a line of the text is like an extended regular expression (regex(7)).
 *  @param[out] ret_group  the first group, cut to its room; NULL: not wanted */
bool init_find_line(const char *text, const char *pattern, char *ret_group, size_t group_bytes);

/** Set the static_… members where the files say what they are. */
void init_find_static(const char *folder, struct found_application *found);

#endif
