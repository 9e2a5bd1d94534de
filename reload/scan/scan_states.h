/**
 * The states of interpreters and threads, which are heap blocks, too, and lead to everything.  They
 * belong to CPython: an extension that keeps a pointer to one, or into it (greenlet keeps what it
 * switches of a thread state), does not keep what the state leads to.
 *
 * @thread one at a time  @tstate attached, GIL held throughout
 */
#ifndef RELOAD_SCAN_SCAN_STATES_H
#define RELOAD_SCAN_SCAN_STATES_H

#include "pool/python/py_compat.h"

#include <stdbool.h>
#include <stdint.h>

#include "pool/base/error.h"
#include "pool/python/cpython_inspect.h"

struct state_range {
    uintptr_t start, end;
    bool is_ending; /**< of the interpreter that is to end, or of one of its threads */
};

/** Ascending; {0} is empty. */
struct state_list {
    struct state_range *items;
    size_t count, capacity;
};

/**
 * Read the list.  Of an interpreter that is not still its threads are unknown:
 * scan_states_begins(). Errors: ERR_MEMORY
 */
int scan_states_read(struct state_list *states, const struct py_interpreters *interpreters,
                     const PyInterpreterState *ending, struct error *err);
void scan_states_clear(struct state_list *states);

/** The state that an address lies in, or NULL. */
const struct state_range *scan_states_find(const struct state_list *states, uintptr_t address);

/** Whether memory that begins with these words is the state of a thread. */
bool scan_states_begins(const struct state_list *states, const uintptr_t *words, size_t count);

#endif
