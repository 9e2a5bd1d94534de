/**
 * What single-phase extensions hand to every interpreter, and whether it was changed.
 *
 * An extension with m_size -1 is initialised once.  Every other interpreter gets a copy of the
 * dictionary that its module had then: the same objects.  Constants are shared without harm; what
 * one application enters in a dictionary, or sets in an object, all others read.  So the objects
 * that can be changed are noted when the module is there, before an application has it.
 *
 * Compared are the items of containers, those in them included, and of objects with attributes that
 * can be set the numbers in their memory and the objects that are their attributes.  Pointers in
 * their memory are not: extensions fill in their caches behind these.
 *
 * @thread one at a time: with the GIL of the main interpreter
 */
#ifndef POOL_PYTHON_HANDED_OUT_H
#define POOL_PYTHON_HANDED_OUT_H

#include "pool/python/py_compat.h"

#include <stdbool.h>
#include <stdint.h>

struct handed_out {
    char *module, *attribute; /**< their names */
    PyObject *object;         /**< of the main interpreter; lives as long as the process */
    uint64_t contents;        /**< a hash of what it was like */
};

/**
 * Note what a module hands out, unless that was done.
 * @param module  in the main interpreter; any object
 * @return 0, or -1 with a Python exception set  @tstate attached to the main interpreter
 */
int handed_out_note(const char *name, PyObject *module);

/** @return the items, which further notes may move; *ret_count of them */
const struct handed_out *handed_out_items(size_t *ret_count);

/** Whether an object is another than it was.  Runs no Python code.  @tstate attached */
bool handed_out_has_changed(const struct handed_out *item);

#endif
