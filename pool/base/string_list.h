/**
 * A list of strings, in the order given.  {0} is empty.
 *
 * The declaration of a list says who owns its strings and its array.
 *
 * @thread one at a time, any for a list that does not change  @tstate any
 */
#ifndef POOL_BASE_STRING_LIST_H
#define POOL_BASE_STRING_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct string_list {
    char **items;
    size_t count;
};

/**
 * Append a string to a list that owns its strings and its array.
 * @param text  malloc'ed, the list's from now on, freed on failure; NULL fails as well, so that
 *              the result of strdup() can be given as it is
 * @return 0, or -1: out of memory, the list is as before
 */
int string_list_add(struct string_list *list, char *text);

/** Free the strings and the array of a list that owns both; the list is empty afterwards. */
void string_list_clear(struct string_list *list);

/** Whether one of the strings is the same as `text`. */
bool string_list_has(const struct string_list *list, const char *text);

#endif
