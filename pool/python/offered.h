/**
 * What an extension module offered when it was first executed in this process.
 *
 * An extension that sets up its classes once for the process (behind a C variable) may add them to
 * the first module that is made of it, and to no later one: an application in another interpreter,
 * or the next generation of the same, would miss them.
 *
 * Follows: PEP 489, by which each module that is executed is complete.
 * @thread any  @tstate attached
 */
#ifndef POOL_PYTHON_OFFERED_H
#define POOL_PYTHON_OFFERED_H

#include "pool/python/py_compat.h"

/**
 * Note the attributes of a module that has just been executed, or compare them with those of the
 * first one of its name and file.
 *
 * @param file  UTF-8
 * @return 0, or -1 with a Python exception set: SystemError, which names an attribute that the
 *         first one had and this one lacks
 */
int offered_compare(const char *name, const char *file, PyObject *module);

/** From now on nothing is compared: an audit lists all that modules lack, once they are loaded.
 *  @tstate none */
void offered_compare_nothing(void);

#endif
