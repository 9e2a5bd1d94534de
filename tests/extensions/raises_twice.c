/* Fails when it is loaded a second time, by mistake: it takes its own registry for another one's.
 */
#include "module.h"

static int is_registered;

static int load(PyObject *module) {
    (void)module;
    PyObject *innocent = PyImport_ImportModule("lazy_class_ok"); /* the last one to be loaded */
    if (!innocent) {
        return -1;
    }
    Py_DECREF(innocent);
    if (is_registered) {
        PyErr_SetString(PyExc_KeyError, "raises_twice is registered already");
        return -1;
    }
    is_registered = 1;
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};

MODULE(raises_twice, NULL, 0, NULL, slots)
