/* A table of which nothing was written yet, and a lock, of which CPython and the C library write a
 * half: what else stands there is of the memory's last use. */
#include "module.h"

enum { ROOM = 20, LOCK_ROOM = 4 };

static PyObject **table; /* for later; empty */
static int count;
static PyThread_type_lock lock;
static PyObject **names; /* the same, of CPython's own memory */

/* Memory that was used for pointers to objects, as most has been some time. */
static void use_memory(PyObject *object, int room) {
    PyObject *volatile *used = malloc((size_t)room * sizeof *used);
    for (int i = 0; used && i < room; i++) {
        used[i] = object;
    }
    free((void *)used);
}

static void use_names(PyObject *object) {
    PyObject *volatile *used = PyMem_Malloc(ROOM * sizeof *used);
    for (int i = 0; used && i < ROOM; i++) {
        used[i] = object;
    }
    PyMem_Free((void *)used);
}

static int load(PyObject *module) {
    if (!table) {
        use_memory(module, ROOM);
        table = realloc(NULL, ROOM * sizeof *table);
        use_memory(module, LOCK_ROOM);
        lock = PyThread_allocate_lock();
        use_names(module);
        names = PyMem_Malloc(ROOM * sizeof *names);
    }
    return table && lock && names ? 0 : -1;
}

static PyObject *count_(PyObject *module, PyObject *unused) {
    (void)module, (void)unused;
    return PyLong_FromLong(count);
}

static PyMethodDef methods[] = {
    {"count", count_, METH_NOARGS, "how much of the table is in use"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(half_written, "A table with room.", 0, methods, slots)
