/** Generations that are only names and numbers, for the tests of the WSGI side. */
#ifndef TESTS_UNIT_WSGI_FAKE_POOL_H
#define TESTS_UNIT_WSGI_FAKE_POOL_H

#include "pool/pool.h"

struct pool_interpreter {
    const char *name;
    bool is_main;
};

struct generation {
    struct pool_interpreter *interpreter;
    uint64_t number;
};

#endif
