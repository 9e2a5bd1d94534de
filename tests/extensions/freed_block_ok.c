/* Each module has a table, in its state. */
#include "module.h"

enum { SQUARES = 20 };

struct state {
    int *squares;
};

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    state->squares = PyMem_Calloc(SQUARES, sizeof *state->squares);
    if (!state->squares) {
        PyErr_NoMemory();
        return -1;
    }
    for (int i = 0; i < SQUARES; i++) {
        state->squares[i] = i * i;
    }
    return 0;
}

static void free_squares(void *module) {
    struct state *state = PyModule_GetState(module);
    PyMem_Free(state->squares);
}

static PyObject *square_(PyObject *module, PyObject *value) {
    struct state *state = PyModule_GetState(module);
    return PyLong_FromLong(state->squares[PyLong_AsUnsignedLongMask(value) % SQUARES]);
}

static PyMethodDef methods[] = {
    {"square", square_, METH_O, "the square of a small number"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(freed_block_ok, "A table.", sizeof(struct state), methods, slots, NULL, NULL, free_squares)
