/* Crashes when it is loaded a second time: takes the address it kept for that of its own table. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <signal.h>

static int is_loaded;

static int load(PyObject *module) {
    (void)module;
    if (is_loaded) {
        raise(SIGSEGV); /* what the wrong address would come to, every time */
    }
    is_loaded = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "crashes_twice",
    .m_size = 0,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_crashes_twice(void) {
    return PyModuleDef_Init(&definition);
}
