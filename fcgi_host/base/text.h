/**
 * Strings that may be absent.
 *
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_BASE_TEXT_H
#define FCGI_HOST_BASE_TEXT_H

#include <stdbool.h>

/** Whether both are NULL, or both are there and equal. */
bool text_is_same(const char *one, const char *other);

#endif
