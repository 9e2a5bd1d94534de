/* A linked list from malloc() with borrowed references (hazard 3). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "borrowed_list", .m_doc = "Hooks.",
    .m_size = 0,           .m_methods = methods,      .m_slots = slots,
};

PyMODINIT_FUNC PyInit_borrowed_list(void) {
    return PyModuleDef_Init(&definition);
}
