/**
 * A request without a connection, for the tests of the WSGI side: what it is sent is kept, what
 * it is read from is scripted, and each function asserts what request.h says of the thread state.
 */
#ifndef TESTS_UNIT_WSGI_FAKE_REQUEST_H
#define TESTS_UNIT_WSGI_FAKE_REQUEST_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgi_host/fastcgi/request.h"

enum fake_read { FAKE_BYTES, FAKE_BUSY, FAKE_WAIT, FAKE_CLOSED, FAKE_PROTOCOL };

/** A step of the script for reading. */
struct fake_step {
    enum fake_read kind;
    char *bytes; /* malloc'ed; of FAKE_BYTES */
    size_t size;
};

struct fake_send {
    char *bytes;
    size_t size;
    unsigned flags;
    bool is_file;
};

struct fake_request {
    struct request request;
    bool has_threads; /* several threads of Python: whether this one is attached is not known */
    atomic_int users; /* threads within a call */
    sem_t arrival;    /* FAKE_WAIT waits for it */
    bool keeps;       /* off: nothing is kept (for measuring) */
    struct fake_step *steps; /* malloc'ed */
    size_t step_count, step, step_offset;
    bool body_has_ended;

    struct fake_send *sends; /* malloc'ed */
    size_t send_count;
    bool waits; /* request_send() leaves everything to request_flush() */
    struct iovec waiting[8];
    int waiting_count;
    unsigned waiting_flags;
    long close_after; /* so many sends succeed, then the peer has gone; -1: never */
    bool aborted;
    bool has_last;

    char *errors;
    size_t errors_size;
    int end; /* enum request_end, or -1 */
    unsigned finishes;
    bool quick;

    bool withholds; /* what wsgi_withhold_hook says */
    int withhold_questions;
    bool has_ended; /* what wsgi_run() returned */
};

void fake_request_init(struct fake_request *fake);
void fake_request_clear(struct fake_request *fake);

#endif
