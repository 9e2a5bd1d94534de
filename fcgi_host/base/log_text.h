/**
 * Text made safe for the log: what an application or a client wrote cannot forge a line, hide in
 * a terminal's escape sequences or make the file anything but UTF-8.
 *
 *   - a newline starts a continuation line, indented by four spaces; trailing ones are dropped
 *   - other control characters (C0, DEL, C1) and bytes that are not UTF-8 become \xNN
 *
 * Follows: RFC 3629 §4 (which byte sequences are UTF-8).
 * @thread any
 * @tstate any
 */
#ifndef FCGI_HOST_BASE_LOG_TEXT_H
#define FCGI_HOST_BASE_LOG_TEXT_H

#include <stddef.h>
#include <time.h>

enum { LOG_TEXT_TIME_BYTES = 32, LOG_TEXT_TIME_MS_BYTES = 40 };

/** "2026-11-24T13:53:01", UTC, of a time after 1970.  gmtime_r(3) takes a lock of the process,
 * which a child that was forked beside other threads may never get. */
void log_text_time(char text[LOG_TEXT_TIME_BYTES], time_t seconds);
/** "2026-11-24T13:53:01.123Z": now. */
void log_text_time_ms(char text[LOG_TEXT_TIME_MS_BYTES]);

/** Room that log_text_escape() needs at most for this text, its NUL included. */
size_t log_text_escaped_bytes(const char *text, size_t size);

/**
 * Escape `size` bytes into `buffer`, NUL-terminated; what does not fit is left out, never half an
 * escape.
 * @return bytes written, without the NUL
 */
size_t log_text_escape(char *buffer, size_t buffer_size, const char *text, size_t size);

/** The same for a field of a line, which is one word: spaces and newlines become \xNN, too. */
size_t log_text_escape_word(char *buffer, size_t buffer_size, const char *text, size_t size);

#endif
