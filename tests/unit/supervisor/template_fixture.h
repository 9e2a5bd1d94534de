/**
 * A template whose processes, loop and log are not there: what is done to them is noted (notes.h),
 * and time passes as a test says.  Templates are 1, 2 …
 */
#ifndef TESTS_UNIT_SUPERVISOR_TEMPLATE_FIXTURE_H
#define TESTS_UNIT_SUPERVISOR_TEMPLATE_FIXTURE_H

#include "fcgi_host/supervisor/template_internal.h"

extern struct app_config template_app;
extern struct config template_config, template_other_config;
extern struct seats template_seats;
extern struct template *template_under_test;
extern struct loop_timer *template_timer;
extern bool template_quiet, template_room, template_awaited;
extern enum error_code template_fork_fails;
extern int template_end_fd; /**< of the last one's channel: what it would write to */

/** One application in main, `preload = auto`; and free all: for TestSuite(). */
void template_setup(void);
void template_teardown(void);

/** What has been noted since the last call. */
void template_assert_done(const char *want);
/** The timer is armed for this delay, and expires. */
void template_pass(uint64_t delay_ms);
bool template_is_armed(void);
/** A worker tells what it has imported. */
void template_told(const char *list);
/** The one that was made last says something. @param file  what is to be imported instead; NULL */
void template_says(enum channel_type type, const char *text, const char *file);
/** One is ready; nothing is noted. */
void template_make_of(const char *list);
/** @return the worker's process id; -1: not forked; 0: not asked for */
pid_t template_fork_worker(void);
bool template_why_has(const char *text);

#endif
