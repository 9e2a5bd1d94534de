/** Generations that are only names and numbers, for the tests of the WSGI side. */
#ifndef TESTS_UNIT_WSGI_FAKE_POOL_H
#define TESTS_UNIT_WSGI_FAKE_POOL_H

#include "pool/pool.h"

enum { FAKE_APPS = 8 };

struct pool_app {
    void *user;
    struct pool_interpreter *interpreter;
};

struct pool_interpreter {
    const char *name;
    bool is_main;
    struct pool_app apps[FAKE_APPS];
    size_t count;
};

struct generation {
    struct pool_interpreter *interpreter;
    uint64_t number;
};

#endif
