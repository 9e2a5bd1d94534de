/**
 * Extensions of the standard library that keep Python objects in C variables, made fit for several
 * interpreters.
 *
 * Such a variable is filled by whichever interpreter is first and used by all: isinstance() and
 * `except` miss the classes of the others, and once the first one has ended its functions fail.
 * CPython moved most of these objects to the modules' states in 3.12 and 3.13.  Before that:
 *
 *  - A variable for one object is given a *stand-in* early, by the main interpreter: a C object
 *    that belongs to no interpreter and does what the object of its name does in the interpreter
 *    that asks.  So `_strptime` for `_datetime`, `numbers.Rational` for `_decimal`, and
 *    `_array_reconstructor` for `array`.
 *  - A variable for memory that goes with an object is filled early, too, from an object of the
 *    main interpreter that is kept: the names of characters, which `unicodedata` lends.
 *  - What an extension enters into registries of the interpreter that creates it is entered into
 *    those of each interpreter that gets a copy: `Decimal` is a `numbers.Number`.
 *  - A cache of the process becomes one for each interpreter: the classes of ctypes's pointers
 *    (ctypes_caches.h).
 *  - An extension that is full of such objects is withheld from sub-interpreters (withheld_extensions.h).
 *
 * tests/e2e/test_standard_library.py compares answers with those of a plain python3.
 * Follows: PEP 687, whose list of modules this was checked against.
 */
#ifndef POOL_PYTHON_STANDARD_LIBRARY_H
#define POOL_PYTHON_STANDARD_LIBRARY_H

#include "pool/python/py_compat.h"

/**
 * Put the stand-ins into place.  Where that fails, the extension stays as CPython has it.
 * @tstate attached to the main interpreter, before any other code imports these extensions
 */
void standard_library_prepare_main(void);

/**
 * Enter what an extension provides into the registries of a sub-interpreter.
 * @param module  just created there
 * @return 0, or -1 with a Python exception set  @tstate attached to it
 */
int standard_library_register(const char *extension, PyObject *module);

#endif
