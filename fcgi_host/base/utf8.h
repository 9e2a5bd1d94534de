/**
 * UTF-8, as far as texts for people need it.
 *
 * Follows: RFC 3629 (no surrogates, nothing above U+10FFFF, shortest form only).
 * @thread any  @tstate none
 */
#ifndef FCGI_HOST_BASE_UTF8_H
#define FCGI_HOST_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** @return the length of the well-formed sequence that `bytes` starts with, 0 if it does not */
size_t utf8_sequence(const char *bytes, size_t available);
/** Whether such a sequence is U+0080 to U+009F, which a terminal may obey. */
bool utf8_is_c1_control(const char *sequence, size_t length);

#endif
