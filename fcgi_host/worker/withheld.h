/**
 * Requests that another process is to answer, because an extension module has refused
 * sub-interpreters while their application ran them here.
 *
 * The application gets a process of its own (CHANNEL_MOVE_ME), and what it made of the refusal is
 * not sent.  Until the supervisor has said where the application is at home, its requests wait:
 *
 *   CHANNEL_HOME   they are passed to that process group
 *   CHANNEL_STOP   the worker that takes this one's place gets them
 *   CHANNEL_STAYS  there is no other process; also at a stop without a successor: they are run
 *                  once more here, and what the application says is sent
 *
 * Only requests that are safe and whole wait, at most as many of an application as its queue may
 * hold; what others are answered, and what is run a second time, is the application's.  Requests
 * for an application that is refused while it loads wait, too, whatever they are: no thread has
 * begun with them.
 *
 * @owns   a request, from withheld_add() until it is passed on, run again or answered
 * @thread intake, unless said  @tstate none, unless said
 */
#ifndef FCGI_HOST_WORKER_WITHHELD_H
#define FCGI_HOST_WORKER_WITHHELD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/fastcgi/hold.h"

struct application;
struct applications;
struct away;
struct error;
struct generation;
struct handover;
struct intake;
struct job;
struct request;
struct stopping;

struct withheld {
    /* Where requests can go. */
    const struct applications *applications;
    struct away *away;
    const struct handover *handover;
    const struct stopping *stopping;

    pthread_mutex_t lock;
    struct job *arriving, **arriving_tail; /**< @lock; from serving threads, in their order */
    int arrival_fd;                        /**< readable when some have arrived */
    struct job *waiting;
    int timer_fd;         /**< readable when the first one's time is up (request_timeout_s) */
    _Atomic bool is_over; /**< withheld_end() */
    /** Of all that wait: told when a client has sent something or gone. */
    struct request_hold watch;
};

/** @return 0, or -1: ERR_SYSTEM */
int withheld_init(struct withheld *withheld, struct error *err);
/** This worker serves from now on. @return 0, or -1: ERR_SYSTEM, ERR_MEMORY */
int withheld_attach(struct withheld *withheld, struct intake *intake, struct error *err);

/**
 * An extension module has refused to be loaded into an interpreter that serves.
 * @return whether the supervisor is to be told: its applications are to move
 * @thread generation  @tstate attached
 */
bool withheld_begin_move(const struct generation *generation);

/** Whether the supervisor can be told of an application: its name fits into a message.
 *  @thread any */
bool withheld_can_move(const struct application *application);
/** It has not loaded, and is about to get another process: its requests wait for that. @thread any
 */
void withheld_expect_move(struct application *application);

/** Whether the response of a request, of which nothing was sent, is to be dropped.
 *  @param has_met_refusal  itself; else it fails while others have
 *  @thread generation (the request's)  @tstate any */
bool withheld_wants(struct withheld *withheld, const struct request *request, bool has_met_refusal);
/** From now on no response is dropped: nobody is left to answer in place of this worker.
 *  @thread any */
void withheld_end(struct withheld *withheld);
/** An application gets no other process after all: what waits for one goes on.
 *  @param withheld  NULL: nothing waits yet  @thread any */
void withheld_application_stays(struct withheld *withheld, struct application *application);

/** Let a request wait that withheld_wants(), or that no thread has begun with.
 *  @param line  method and URL, for the log  @thread any */
void withheld_add(struct withheld *withheld, struct request *request, const char *line);

/** Homes, or this worker's state, have changed: go on with what waited for that. */
void withheld_go_on(struct withheld *withheld);
/** CHANNEL_STAYS: the applications of an interpreter get no other process; then
 *  withheld_go_on(). */
void withheld_end_move(const struct applications *applications, const char *interpreter);
/** The client of some request has sent something or gone. */
void withheld_client_event(struct withheld *withheld);

#endif
