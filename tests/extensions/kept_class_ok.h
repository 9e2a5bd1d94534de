/*
 * The corrected twin of a module with kept_class.h: what leads to the place is the module's state,
 * and ends with it.  The module says how the memory is made and freed, and where in it the place
 * is.
 */
#ifndef KEPT_CLASS_OK_H
#define KEPT_CLASS_OK_H

#include "kept_class.h"

static void *make_memory(void); /* zeroed; NULL: none */
static void free_memory(void *memory);
static void *place_in(void *memory);

struct state {
    void *memory;
};

static void *class_place(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    if (!state->memory) {
        state->memory = make_memory();
    }
    return state->memory ? place_in(state->memory) : NULL;
}

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    PyObject *class = NULL;
    if (state->memory) {
        memcpy(&class, place_in(state->memory), sizeof class);
    }
    Py_VISIT(class);
    return 0;
}

static void free_state(void *module) {
    struct state *state = PyModule_GetState(module);
    PyObject *class = NULL;
    if (state->memory) {
        memcpy(&class, place_in(state->memory), sizeof class);
        free_memory(state->memory);
        state->memory = NULL;
    }
    Py_XDECREF(class);
}

#define MODULE_OK(name, doc)                                                                       \
    MODULE(name, doc, sizeof(struct state), methods, slots, traverse, NULL, free_state)

#endif
