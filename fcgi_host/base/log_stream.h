/**
 * A log target that somebody must read: a pipe, a socket, a terminal.  Writing to it never blocks.
 *
 * A line is written at once where the target takes it.  Otherwise it waits in a bounded buffer for
 * a thread that runs only while lines wait; beyond the bound lines are dropped and counted, until
 * the buffer has been read, and a report of their number takes their place.
 *
 * O_NONBLOCK belongs to an open file description, which the terminal, the spawner and the children
 * of applications share.  It is never set on the one that was given: a socket takes MSG_DONTWAIT, a
 * pipe or terminal is opened once more through /proc; where that is not possible (another user's
 * pipe, no /proc) the thread writes every line, and waits in write(2) itself.
 *
 * After fork() the child's buffers are empty: the lines that wait are the parent's.
 *
 * @thread any; log_stream_use() one at a time
 * @tstate none
 */
#ifndef FCGI_HOST_BASE_LOG_STREAM_H
#define FCGI_HOST_BASE_LOG_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_stream;

/** Make the line that tells of `dropped` lines. @return its length, at most `size` */
typedef size_t log_stream_report(char *line, size_t size, uint64_t dropped);

/** Bytes that may wait for one target. */
enum { LOG_STREAM_BYTES = 1 << 20 };

/** @return a stream without a target, which lasts as long as the process; NULL: out of memory */
struct log_stream *log_stream_new(void);

/**
 * Lines go to `fd` from now on, those that wait included.
 * @param fd  stays the caller's, and open
 * @return false: nobody has to read this for it to take lines (a file, /dev/null); the caller
 *         writes to it by itself
 */
bool log_stream_use(struct log_stream *stream, int fd, log_stream_report *report);

/**
 * Make the number of its descriptor refer to what `opened` does; lines that wait go there, too.
 * @param opened  stays the caller's  @param[out] ret_is_stream  as of log_stream_use()
 * @return 0, or -1 with errno: it is as before
 */
int log_stream_replace(struct log_stream *stream, int opened, bool *ret_is_stream);

/** Write one line, whole and in order, or keep it, or count it as dropped. */
void log_stream_write(struct log_stream *stream, const char *line, size_t size);

/** Wait until no line waits for any target any more, but not for a reader that takes none for a
 * second, nor longer
 *  than five. */
void log_stream_flush(void);

#endif
