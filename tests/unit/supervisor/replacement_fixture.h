/**
 * The queue of replacements against seats, a loop and a clock that are not there.
 */
#ifndef TESTS_UNIT_SUPERVISOR_REPLACEMENT_FIXTURE_H
#define TESTS_UNIT_SUPERVISOR_REPLACEMENT_FIXTURE_H

/**
 * Fail the test unless the queue does what it should.  Workers 100, 101 … sit in the seats, those
 * that are launched are 200, 201 …
 *
 * @param seats  how many are in use, at most 3
 * @param steps  what happens, "verb object; verb; …":
 *    restart          from now on an application has `reload = restart`
 *    full             from now on there is no memory for a second worker
 *    replace|also|force|config all|SEAT
 *                     somebody wants a replacement; "config": under a new configuration
 *    loses|lost APP   the loading worker, or the one that serves there, has not got this application
 *    in_use           the loading worker found a port in use
 *    loaded, dies, refused
 *                     the loading worker: all loaded; crashed; was a probe
 *    stopped|gone [PID]
 *                     a worker (the one that was told to stop) accepts nothing any more; has ended
 *    crash SEAT       a serving worker died
 *    idle             none is under way
 *    wait MS, forget, no_memory, stop
 * @param want   what the queue does
 */
void check_replacement(unsigned seats, const char *steps, const char *want);

#endif
