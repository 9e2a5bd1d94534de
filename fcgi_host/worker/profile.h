/**
 * `fcgi_host profile`: samples the Python stacks of the threads that serve an application, at a
 * rate, and sends each to the command, which counts them.
 *
 * A stack is what its own thread writes on a signal (stacks.h): the moment is the clock's, not that
 * of giving the GIL away, and no GIL is needed.  Threads that wait for requests are left out.
 * Looking takes a fifth of the time at most: where stacks are many or deep there are fewer looks.
 *
 * @thread intake  @tstate none
 */
#ifndef FCGI_HOST_WORKER_PROFILE_H
#define FCGI_HOST_WORKER_PROFILE_H

struct channel_message;
struct scoreboard;

/** CHANNEL_PROFILE has come. @param message  its descriptor is taken over */
void profile_begin(struct scoreboard *board, const struct channel_message *message);

#endif
