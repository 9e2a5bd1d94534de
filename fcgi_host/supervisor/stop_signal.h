/**
 * What a TERM or INT means.  Pure.
 *
 * The first asks to finish and stop, a second one to stop now.  But spawners repeat themselves:
 * lighttpd sends TERM each second until its child has gone, Apache's mod_fcgid twice within a
 * second or so, and neither means "drop the requests".  So a repetition that comes from the
 * process that spawned the host (its parent, which gave it the listening socket), and as slowly
 * as a spawner's, is not counted; Ctrl-C pressed twice, or a signal sent by hand, is
 * obeyed.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_STOP_SIGNAL_H
#define FCGI_HOST_SUPERVISOR_STOP_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

/** Spawners repeat once a second; a quicker repetition means "now". */
enum { STOP_RHYTHM_MS = 700 };

enum stop_meaning { STOP_GRACEFULLY, STOP_NOW, STOP_REPEATED };

/** Start with all zeroes. */
struct stop_signal {
    unsigned count;
    uint64_t last_ms;
};

enum stop_meaning stop_signal_meaning(struct stop_signal *stop, uint64_t now_ms,
                                      bool is_from_spawner);

#endif
