/**
 * Extensions that are withheld from sub-interpreters: to import one is an ImportError there.
 *
 * They share Python objects between interpreters, and all that they do is there in Python, too, and
 * used where the extension is missing (PEP 399 asks that of the standard library).
 *
 * @thread any  @tstate any
 */
#ifndef POOL_PYTHON_WITHHELD_EXTENSIONS_H
#define POOL_PYTHON_WITHHELD_EXTENSIONS_H

#include <stdbool.h>

/** From now on withhold all but this one, which the audit was asked about.
 *  @param extension  NULL: none; must outlast the process */
void withheld_extensions_except(const char *extension);

/** Whether an extension is withheld.  @param path  its file; NULL: it is built in */
bool withheld_extensions_have(const char *extension, const char *path);

#endif
