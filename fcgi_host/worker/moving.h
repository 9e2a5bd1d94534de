/**
 * Applications and scripts that are at home in another process group from now on, or in this one:
 * what waits for them is passed on, and their interpreters end.
 */
#ifndef FCGI_HOST_WORKER_MOVING_H
#define FCGI_HOST_WORKER_MOVING_H

struct channel_message;
struct worker;

/** CHANNEL_HOME has come. @param message  its descriptor is taken over  @thread intake */
void moving_take_home(struct worker *worker, const struct channel_message *message);

#endif
