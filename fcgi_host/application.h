/**
 * An application as the host knows it: its configuration, its place in the pool, its numbers.
 * Made at start-up (one for each [app]) or on the first request for a script; lives as long as
 * the worker, or until the script is evicted.
 */
#ifndef FCGI_HOST_APPLICATION_H
#define FCGI_HOST_APPLICATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/config.h"
#include "pool/pool.h"

/** Response times in powers of two with eight steps each, from 1 µs up to over a minute. */
enum { LATENCY_BUCKETS = 224 };

struct application {
    const struct app_config *config;
    struct pool_app *pool_app; /**< NULL until it was added to the pool */
    bool is_script;
    _Atomic uint64_t latency[LATENCY_BUCKETS];
    /** Why it does not serve: text for the log, the status and, with `dev`, the browser. */
    struct error *_Atomic failure; /**< NULL: it does */
};

#endif
