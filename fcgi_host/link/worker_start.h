/**
 * What crosses fork(): all that a worker process is given by the supervisor.
 *
 * @owns the supervisor; everything is valid as long as the worker process
 */
#ifndef FCGI_HOST_LINK_WORKER_START_H
#define FCGI_HOST_LINK_WORKER_START_H

#include <stdbool.h>

struct balance;
struct config;
struct placement;
struct scoreboard;

struct worker_start {
    const struct config *config;
    const struct placement *placement; /**< which interpreters are main, what not to load */
    bool opens_log; /**< the supervisor does not log by `config` yet: the worker opens its log */
    int listen_fd;
    int channel_fd; /**< to the supervisor (channel.h) */
    struct scoreboard *board;
    int last_words_fd;       /**< a memory file for faulthandler's text */
    bool is_one_of_many;     /**< wsgi.multiprocess */
    struct balance *balance; /**< NULL: no other worker to share connections with */
    int balance_member;
};

/** A worker's main(): worker_run(). Called in the child. @return the process's exit status */
typedef int worker_run_function(const struct worker_start *start);

#endif
