/**
 * Comparing strings, those that may be absent, and those of protocols; and finding a line.
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

/** @return how many bytes, from the first one on, are printable ASCII other than `"` and `\\`,
 * which
 *          JSON and the access log write as they are: of most values, all
 *  @param other  one more that is not; '"': there is none */
size_t text_plain_bytes(const char *bytes, size_t size, char other);

/**
 * The last line that says something: of a traceback, what was raised.  What draws the tree of an
 * exception group (" | ", "+---") is no part of it.
 * @param[out] ret_line  in `text`, its first byte
 * @return how long it is, 0: there is none
 */
size_t text_last_line(const char *text, const char **ret_line);

#endif
