/**
 * The streams of events that pages in browsers listen to (`live = on`): LIVE_PATH?SLOT-STATE is
 * answered with text/event-stream, and told once the board has a newer state than that for the
 * page's application (link/live_board.h).  LIVE_PATH?all is told the states of all applications,
 * and each that is new: one page of a browser listens for the others.
 *
 *     event: reload    other code serves
 *     event: error     code has failed to load: the page's address shows how
 *     id, data         SLOT-STATE, the new one
 *
 * A stream is no request: its connection has been taken from the intake (fastcgi/event_stream.h),
 * so nothing waits for it, and it costs nothing while there is nothing to tell.  Streams are closed
 * when the worker begins to stop; browsers connect again, to the next worker.  Of too many, the
 * oldest is closed: behind some web servers a client that has gone is only noticed by writing.
 *
 * Follows: WHATWG HTML, "Server-sent events".
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_LIVE_STREAMS_H
#define FCGI_HOST_WORKER_LIVE_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/event_stream.h"
#include "fcgi_host/intake/intake.h"
#include "fcgi_host/link/live_board.h"

enum { LIVE_STREAMS_MAX = 64 };

/** A page that listens. */
struct live_stream {
    struct live_streams *all;
    struct event_stream stream; /**< fd -1: there is none */
    uint64_t number;            /**< in the order of opening */
    int first_slot, last_slot;  /**< whose states it is told */
    uint64_t told[LIVE_SLOTS];  /**< the state that the page has, or was told of */
};

struct live_streams {
    struct intake_heir heir; /**< first: intake's */
    struct intake *intake;   /**< NULL until live_streams_attach() */
    bool is_closed;          /**< the worker stops */
    uint64_t last_number;
    struct live_stream *opening; /**< within live_streams_open() */
    uint16_t opening_id;
    struct live_stream items[LIVE_STREAMS_MAX];
};

void live_streams_init(struct live_streams *streams);
/** The worker serves from now on: tell what the board tells, if there is one.
 *  @return 0, or -1: ERR_SYSTEM, ERR_MEMORY */
int live_streams_attach(struct live_streams *streams, struct intake *intake, struct error *err);

/** Answer a request for LIVE_PATH: with a stream, or with a status that says why not.
 *  @owns the request passes on */
void live_streams_open(struct live_streams *streams, struct request *request);

/** The worker stops: close them all, and open no more. */
void live_streams_close(struct live_streams *streams);

#endif
