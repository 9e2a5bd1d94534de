/**
 * sd_notify: tell systemd that the service is ready, reloads, stops, is alive.
 *
 * The protocol is one datagram to the socket that $NOTIFY_SOCKET names, so it is spoken here
 * rather than through libsystemd, which would be one more library to have.
 *
 * Follows: sd_notify(3), sd_watchdog_enabled(3).
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_NOTIFY_H
#define FCGI_HOST_SUPERVISOR_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/**
 * Read $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and remove them from the environment, so
 * that no application speaks for the service.  Without them the other functions do nothing.
 */
void notify_start(void);

/** Send assignments such as "READY=1".  A failure is ignored. */
void notify_send(const char *state);

/** The same, unless the service manager is busy: nothing waits for it.
 *  @return whether it was sent, or nobody listens */
bool notify_offer(const char *state);

/** The host stops, which may take `timeout_s`, whatever TimeoutStopSec= of the unit says. */
void notify_stopping(unsigned timeout_s);

/** Whether a service manager listens. */
bool notify_is_heard(void);

/** Milliseconds between two "WATCHDOG=1", half of what systemd allows; 0: not asked for. */
uint64_t notify_watchdog_ms(void);

#endif
