/* Never comes back when it is loaded a second time: it waits for itself. */
#include "module.h"

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

MODULE(hangs_twice, NULL, 0, NULL, slots)
