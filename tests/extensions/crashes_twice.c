/* Crashes when it is loaded a second time: takes the address it kept for that of its own table. */
#include "module.h"

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

MODULE(crashes_twice, NULL, 0, NULL, slots)
