/*
 * The frame of an extension module: Python.h, the slots that every module ends with, and the
 * definition with PyInit_NAME().  C and C++.
 *
 *     static PyModuleDef_Slot slots[] = {{Py_mod_exec, load}, LAST_SLOTS};
 *     MODULE(NAME, doc, size of its state, methods, slots, traverse, clear, free)
 *
 * After NAME stand the members of a PyModuleDef in their order; those left out at the end are NULL.
 */
#ifndef MODULE_H
#define MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Any interpreter may load the module, one with a GIL of its own too.  Python 3.12 and later read
 * that from a slot, which older versions would take for an error. */
/* clang-format off */
#if PY_VERSION_HEX >= 0x030C0000
#define LAST_SLOTS {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED}, {0, NULL}
#else
#define LAST_SLOTS {0, NULL}
#endif
/* clang-format on */

#define MODULE(name, ...)                                                                          \
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT, #name, __VA_ARGS__};                   \
    PyMODINIT_FUNC PyInit_##name(void) {                                                           \
        return PyModuleDef_Init(&definition);                                                      \
    }

#endif
