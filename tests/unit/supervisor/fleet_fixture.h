/**
 * A fleet whose seats, loop and log are not there: what it does to them is noted (notes.h), and
 * time passes as a test says.  Workers are 100, 101 …
 */
#ifndef TESTS_UNIT_SUPERVISOR_FLEET_FIXTURE_H
#define TESTS_UNIT_SUPERVISOR_FLEET_FIXTURE_H

#include "fcgi_host/supervisor/fleet_internal.h"

extern struct seats *fleet_seats;
extern struct fleet *fleet_under_test;
extern struct config fleet_config;
extern const char *fleet_crashing_app; /**< NULL: no request is known to have killed the worker */
extern uint64_t fleet_now_ms;

/** Make the fleet, with one worker that loads; and free it: for TestSuite(). */
void fleet_setup(void);
void fleet_teardown(void);

/** @return the worker with this pid; without one the test fails */
struct worker_process *fleet_worker(int pid);
/** A worker sends a message about "shop". */
void fleet_say(int pid, enum channel_type type);
void fleet_say_number(int pid, enum channel_type type, uint64_t number);
/** A worker has ended. @param wait_status  as of waitpid(): a signal, or an exit status << 8 */
void fleet_end(int pid, int wait_status);
/** Another `workers` is in effect. */
void fleet_set_workers(unsigned least, unsigned most);
/** Fail the test unless this is what was noted since the last call. */
void fleet_assert_done(const char *want);

#endif
