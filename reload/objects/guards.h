/**
 * Interpreter guards: C code holds one to keep an interpreter from ending under it.
 *
 * CPython does not tell who holds them, only how many there are (interpreter_is_guarded()).
 *
 * @thread any  @tstate any
 * Follows: PEP 788
 */
#ifndef RELOAD_OBJECTS_GUARDS_H
#define RELOAD_OBJECTS_GUARDS_H

#include <stddef.h>

/** Append which files of this process take guards, to a text that is not longer than `bytes`;
 *  nothing where none does. */
void guards_name(char *text, size_t bytes);

#endif
