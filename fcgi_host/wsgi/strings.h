/**
 * Strings of the operating system (names of files, arguments) as Python has them.
 *
 * @thread the threads of one interpreter  @tstate attached
 */
#ifndef FCGI_HOST_WSGI_STRINGS_H
#define FCGI_HOST_WSGI_STRINGS_H

#include "pool/python/py_compat.h"

#include "pool/base/string_list.h"

/** @return a new list of str; NULL with an exception */
PyObject *strings_to_list(const struct string_list *strings);

#endif
