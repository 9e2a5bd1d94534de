/* References are taken; the list hangs on the module's state and goes with it. */
#include "module.h"

struct node {
    struct node *next;
    PyObject *hook;
};

struct state {
    struct node *hooks;
};

static int traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    for (struct node *node = state->hooks; node; node = node->next) {
        Py_VISIT(node->hook);
    }
    return 0;
}

static int clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    while (state->hooks) {
        struct node *node = state->hooks;
        state->hooks = node->next;
        Py_DECREF(node->hook);
        free(node);
    }
    return 0;
}

static void free_state(void *module) {
    clear(module);
}

static PyObject *add_hook_(PyObject *module, PyObject *hook) {
    struct state *state = PyModule_GetState(module);
    struct node *node = malloc(sizeof *node);
    if (!node) {
        return PyErr_NoMemory();
    }
    node->hook = Py_NewRef(hook);
    node->next = state->hooks;
    state->hooks = node;
    Py_RETURN_NONE;
}

static PyObject *run_hooks_(PyObject *module, PyObject *unused) {
    struct state *state = PyModule_GetState(module);
    long sum = 0;
    (void)unused;
    for (struct node *node = state->hooks; node; node = node->next) {
        PyObject *result = PyObject_CallNoArgs(node->hook);
        sum += result ? PyLong_AsLong(result) : 0;
        Py_XDECREF(result);
        if (PyErr_Occurred()) {
            return NULL;
        }
    }
    return PyLong_FromLong(sum);
}

static PyMethodDef methods[] = {
    {"add_hook", add_hook_, METH_O, "add a function"},
    {"run_hooks", run_hooks_, METH_NOARGS, "call all, add up their results"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {LAST_SLOTS};

MODULE(borrowed_list_ok, "Hooks.", sizeof(struct state), methods, slots, traverse, clear,
       free_state)
