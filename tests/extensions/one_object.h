/* Module state that is one object: the members traverse, clear and free of a MODULE(). */
#ifndef ONE_OBJECT_H
#define ONE_OBJECT_H

#include "module.h"

struct state {
    PyObject *object; /* owned; NULL until it is needed */
};

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->object);
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    Py_CLEAR(state->object);
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

#endif
