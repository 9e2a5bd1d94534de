/**
 * A worker process: one Python, the pool, the intake thread.  Forked by the supervisor
 * (supervisor.h), which never starts Python.
 */
#ifndef FCGI_HOST_WORKER_WORKER_H
#define FCGI_HOST_WORKER_WORKER_H

#include <stdbool.h>

#include "fcgi_host/config/config.h"
#include "fcgi_host/link/placement.h"
#include "fcgi_host/link/scoreboard.h"

struct balance;

/** All is the supervisor's, valid as long as the process. */
struct worker_options {
    const struct config *config;
    const struct placement *placement; /**< which interpreters are main, what not to load */
    bool opens_log; /**< `config` is not the one that the supervisor logs by, not yet */
    int listen_fd;
    int channel_fd; /**< to the supervisor (channel.h) */
    struct scoreboard *board;
    int last_words_fd;       /**< faulthandler's text goes there */
    bool is_one_of_many;     /**< wsgi.multiprocess */
    struct balance *balance; /**< NULL: no other worker to share connections with */
    int balance_member;
};

/**
 * Load every application, tell the supervisor, serve until told to stop; the calling thread
 * becomes the intake thread.
 * @return the process's exit status: 0 stopped as asked, 1 could not start (logged)
 */
int worker_run(const struct worker_options *options);

#endif
