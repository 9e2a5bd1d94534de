/**
 * One interpreter with its applications, as recycle_add() makes it, but without a reloader.
 *
 * Everything asserts: a failure ends the test (by abort()).
 */
#ifndef TESTS_SUPPORT_RECYCLE_FIXTURE_H
#define TESTS_SUPPORT_RECYCLE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/recycle/recycle_internal.h"

enum { RECYCLE_FIXTURE_APPS = 2 };

/** Zero at first. */
struct recycle_fixture {
    struct config config;
    struct recycle recycle;
    struct recyclable recyclable;
    struct app_config app_configs[RECYCLE_FIXTURE_APPS];
    struct application *applications[RECYCLE_FIXTURE_APPS];
};

/** Start Python, a pool, and the interpreter in it. @param names  of the applications */
void recycle_fixture_start(struct recycle_fixture *fixture, bool is_main, const char *const names[],
                           size_t count);

#endif
