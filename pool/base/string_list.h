/**
 * A list of strings, in the order given.
 *
 * Whoever declares one says who owns the strings and the array.
 */
#ifndef POOL_BASE_STRING_LIST_H
#define POOL_BASE_STRING_LIST_H

#include <stddef.h>

struct string_list {
    char **items;
    size_t count;
};

#endif
