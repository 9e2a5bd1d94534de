/* A linked list from malloc() with borrowed references (hazard 3). */
#include "module.h"

struct node {
    struct node *next;
    PyObject *hook; /* borrowed */
};

static struct node *hooks;

static PyObject *add_hook_(PyObject *module, PyObject *hook) {
    (void)module;
    struct node *node = malloc(sizeof *node);
    if (!node) {
        return PyErr_NoMemory();
    }
    node->hook = hook;
    node->next = hooks;
    hooks = node;
    Py_RETURN_NONE;
}

static PyObject *run_hooks_(PyObject *module, PyObject *unused) {
    long sum = 0;
    (void)module, (void)unused;
    for (struct node *node = hooks; node; node = node->next) {
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

MODULE(borrowed_list, "Hooks.", 0, methods, slots)
