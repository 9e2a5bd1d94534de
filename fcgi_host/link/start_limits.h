/**
 * Times of a worker's start that the worker keeps and the supervisor reckons with.
 */
#ifndef FCGI_HOST_LINK_START_LIMITS_H
#define FCGI_HOST_LINK_START_LIMITS_H

enum {
    /** Interpreters are built one after the other, so that the supervisor knows which one was
     *  loading when a worker dies.  A build that takes longer no longer holds up the next one. */
    NEXT_LOAD_MS = 1000,
};

#endif
