/**
 * Python in this process, for the applications of a process group: started by a worker, or before
 * it by the template that it was forked from.
 *
 * @thread the process's first  @tstate none
 */
#ifndef FCGI_HOST_WORKER_PYTHON_START_H
#define FCGI_HOST_WORKER_PYTHON_START_H

#include <stdbool.h>

#include "pool/base/error.h"

struct config;

/** Start it, unless that was done before this process was forked.
 *  @param config  the group's part  @return 0, or -1: ERR_PYTHON, ERR_FAILED */
int python_start(const struct config *config, struct error *err);

/** Tell the WSGI side how this process serves, after python_start(). */
void python_set_process(bool is_one_of_many);

#endif
