/* Never comes back when it is loaded a second time: it waits for itself. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int load(PyObject *module) {
    (void)module;
    pthread_mutex_lock(&mutex); /* and never unlocks */
    return 0;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, load},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "hangs_twice",
    .m_size = 0,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_hangs_twice(void) {
    return PyModuleDef_Init(&definition);
}
