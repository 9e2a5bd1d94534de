/**
 * A worker process: one Python, the pool, the intake thread.  Forked by the supervisor
 * (supervisor.h), which never starts Python.
 */
#ifndef FCGI_HOST_WORKER_H
#define FCGI_HOST_WORKER_H

#include "fcgi_host/config.h"

/**
 * Serve until told to stop; the calling thread becomes the intake thread.
 * @param channel_fd  SOCK_SEQPACKET to the supervisor (channel.h)
 * @return the process's exit status
 */
int worker_run(const struct config *config, int listen_fd, int channel_fd);

#endif
