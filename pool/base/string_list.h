/**
 * A list of strings, in the order given.
 *
 * The declaration of a list says who owns its strings and its array.
 */
#ifndef POOL_BASE_STRING_LIST_H
#define POOL_BASE_STRING_LIST_H

#include <stddef.h>

struct string_list {
    char **items;
    size_t count;
};

#endif
