/* A table of the process is freed with the module that came first (hazard 3). */
#include "module.h"

enum { SQUARES = 20 };

struct state {
    int *own_squares; /* NULL: another module has made them */
};

static int *squares; /* made once */

static int load(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    if (squares) {
        return 0;
    }
    squares = state->own_squares = PyMem_Calloc(SQUARES, sizeof *squares);
    if (!squares) {
        PyErr_NoMemory();
        return -1;
    }
    for (int i = 0; i < SQUARES; i++) {
        squares[i] = i * i;
    }
    return 0;
}

static void free_squares(void *module) {
    struct state *state = PyModule_GetState(module);
    PyMem_Free(state->own_squares);
}

static PyObject *square_(PyObject *module, PyObject *value) {
    (void)module;
    return PyLong_FromLong(squares[PyLong_AsUnsignedLongMask(value) % SQUARES]);
}

static PyMethodDef methods[] = {
    {"square", square_, METH_O, "the square of a small number"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(freed_block, "A table.", sizeof(struct state), methods, slots, NULL, NULL, free_squares)
