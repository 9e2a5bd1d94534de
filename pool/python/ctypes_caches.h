/**
 * The classes that `_ctypes` makes and keeps, up to 3.12 for all interpreters of the process.
 *
 *  - Each import of `ctypes` empties the cache of POINTER() and pointer(): what POINTER(x) gave
 *    before is another class than what it gives then, which no argument fits any more, and
 *    POINTER(None) is the c_void_p of whichever interpreter came last.  So each interpreter gets
 *    both functions with a cache of its own.  (3.14 has them in Python.)
 *  - That of arrays (x * 3) is asked by class only, which each interpreter has its own of.  But it
 *    would belong to the interpreter that makes the first array: let that be the main one.
 */
#ifndef POOL_PYTHON_CTYPES_CACHES_H
#define POOL_PYTHON_CTYPES_CACHES_H

#include "pool/python/py_compat.h"

/** Make the first array. @return 0, or -1 with a Python exception set  @tstate attached to main */
int ctypes_caches_prepare_main(void);

/**
 * Give a module `_ctypes` its own POINTER() and pointer().
 * @return 0, or -1 with a Python exception set  @tstate attached to its interpreter
 */
int ctypes_caches_register(PyObject *module);

#endif
