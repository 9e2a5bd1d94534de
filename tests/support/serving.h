/**
 * An intake on a unix socket in a temporary folder, on a thread of its own, with threads behind it
 * that call a handler for each request: what the worker and the pool do in the program.
 */
#ifndef TESTS_SUPPORT_SERVING_H
#define TESTS_SUPPORT_SERVING_H

#include "fcgi_host/intake/intake.h"

struct serving;

/** Answers a request and finishes it. @thread serving; with 0 threads: intake */
typedef void serving_handler(struct request *request);

/**
 * @param options  NULL, or limits; 0 fields and listen_fd are replaced by generous values
 * Fails the process when something is not to be had.
 */
struct serving *serving_start(const struct intake_options *options, unsigned threads,
                              serving_handler *handler);
/** One more on the socket of another, which must be stopped after it. */
struct serving *serving_start_beside(const struct serving *other, unsigned threads,
                                     serving_handler *handler);
/** Stop accepting, wait for every connection to close, then for the threads; free. */
void serving_stop(struct serving *serving);
/** Leave at once, whatever is open. */
void serving_kill(struct serving *serving);
/** intake_stop_accepting() on the intake thread, without waiting. */
void serving_stop_accepting(struct serving *serving);

const char *serving_path(const struct serving *serving);
struct intake *serving_intake(struct serving *serving);
/** Kernel's id of the intake thread. */
int serving_intake_tid(const struct serving *serving);

#endif
