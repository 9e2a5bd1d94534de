/**
 * Comparing strings: those that may be absent, and those of protocols.
 *
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_BASE_TEXT_H
#define FCGI_HOST_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/** Whether both are NULL, or both are there and equal. */
bool text_is_same(const char *one, const char *other);

/** Whether `size` bytes are the same but for the case of ASCII letters.  strncasecmp(3) asks the
 *  locale, which an application may set: in Turkish, I and i are two letters. */
bool text_is_same_word(const char *one, const char *other, size_t size);

#endif
