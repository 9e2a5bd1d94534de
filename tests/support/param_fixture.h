/**
 * Parameter sets that real web servers sent, recorded by tests/fixtures/record.py.
 */
#ifndef TESTS_SUPPORT_PARAM_FIXTURE_H
#define TESTS_SUPPORT_PARAM_FIXTURE_H

#include <stddef.h>

#include "fcgi_host/fastcgi/request.h"

/** A request of a fixture, in the order they were recorded. */
struct fixture_request {
    char *target;           /**< as the client sent it: "/a%20b?x" */
    struct request request; /**< params and role are filled; no params: the server refused it */
};

struct fixture {
    struct fixture_request *requests;
    size_t count;
};

/** Read tests/fixtures/NAME.params; a test that cannot, fails. @owns the caller: fixture_free() */
struct fixture fixture_read(const char *name);
void fixture_free(struct fixture *fixture);

#endif
