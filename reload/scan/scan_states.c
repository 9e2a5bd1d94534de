#include "reload/scan/scan_states.h"

#include <stddef.h>
#include <stdlib.h>

#include "pool/base/apart.h"

static bool add(struct state_list *states, const void *state, size_t bytes, bool is_ending) {
    if (states->count == states->capacity) {
        size_t capacity = 2 * states->capacity + 16;
        struct state_range *items = apart_realloc(states->items, capacity * sizeof *items);
        if (!items) {
            return false;
        }
        states->items = items;
        states->capacity = capacity;
    }
    uintptr_t start = (uintptr_t)state;
    states->items[states->count++] = (struct state_range){start, start + bytes, is_ending};
    return true;
}

/** The first thread's state is a part of the interpreter's. */
static bool is_inside(const PyThreadState *thread, const PyInterpreterState *interpreter) {
    return (uintptr_t)thread - (uintptr_t)interpreter < inspect_interpreter_state_bytes;
}

static bool add_each(struct state_list *states, const struct py_interpreter *each, bool is_ending) {
    PyThreadState *thread = each->is_still ? PyInterpreterState_ThreadHead(each->state) : NULL;
    bool ok = add(states, each->state, inspect_interpreter_state_bytes, is_ending);
    for (; ok && thread; thread = PyThreadState_Next(thread)) {
        ok = is_inside(thread, each->state) ||
             add(states, thread, inspect_thread_state_bytes, is_ending);
    }
    return ok;
}

static int compare(const void *a, const void *b) {
    uintptr_t x = ((const struct state_range *)a)->start;
    uintptr_t y = ((const struct state_range *)b)->start;
    return (x > y) - (x < y);
}

int scan_states_read(struct state_list *states, const struct py_interpreters *interpreters,
                     const PyInterpreterState *ending, struct error *err) {
    *states = (struct state_list){0};
    for (size_t i = 0; i < interpreters->count; i++) {
        const struct py_interpreter *each = &interpreters->items[i];
        if (!add_each(states, each, each->state == ending)) {
            scan_states_clear(states);
            return error_set(err, ERR_MEMORY, "out of memory listing the states of threads");
        }
    }
    if (states->count) {
        qsort(states->items, states->count, sizeof *states->items, compare);
    }
    return 0;
}

void scan_states_clear(struct state_list *states) {
    apart_free(states->items);
    *states = (struct state_list){0};
}

const struct state_range *scan_states_find(const struct state_list *states, uintptr_t address) {
    size_t low = 0, high = states->count; /* the last one that starts at or before the address */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (states->items[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct state_range *range = low ? &states->items[low - 1] : NULL;
    return range && address < range->end ? range : NULL;
}

bool scan_states_begins(const struct state_list *states, const uintptr_t *words, size_t count) {
    enum { INTERPRETER = offsetof(PyThreadState, interp) / sizeof *words };
    if (count <= INTERPRETER) {
        return false;
    }
    const struct state_range *range = scan_states_find(states, words[INTERPRETER]);
    return range && range->start == words[INTERPRETER];
}
