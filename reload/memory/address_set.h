/**
 * A hash table from addresses to numbers: small, open addressing, never shrinks.
 *
 * @thread one at a time  @tstate any
 */
#ifndef RELOAD_MEMORY_ADDRESS_SET_H
#define RELOAD_MEMORY_ADDRESS_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_set {
    struct address_entry {
        uintptr_t address; /**< 0: free */
        uintptr_t value;
    } * entries;
    size_t capacity, count; /**< capacity is a power of two, or 0 */
};

/** The entry of an address, or NULL. */
struct address_entry *address_set_find(const struct address_set *set, uintptr_t address);
/** The entry of an address, new with value 0 if there was none; NULL: out of memory. */
struct address_entry *address_set_add(struct address_set *set, uintptr_t address);
/** Free the table, not the struct; the set is empty then. */
void address_set_clear(struct address_set *set);

#endif
