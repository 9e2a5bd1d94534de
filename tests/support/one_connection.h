/**
 * One connection to one serving thread, which runs the handler that the test names: for tests of
 * what request.h promises (Criterion).
 */
#ifndef TESTS_SUPPORT_ONE_CONNECTION_H
#define TESTS_SUPPORT_ONE_CONNECTION_H

#include <stdatomic.h>
#include <sys/types.h>

#include "fcgi_host/fastcgi/request.h"
#include "tests/support/serving.h"
#include "tests/support/web_server.h"

enum { SOON_MS = 10000, LARGE = 8 << 20 };

extern serving_handler *_Atomic g_handler; /**< what to do with the next request */
extern atomic_int g_reached;               /**< how far it has come: the handler's to say */
extern struct error g_error;               /**< of the handler's last call that failed */
extern _Atomic ssize_t g_result;           /**< what the handler's last call returned */
extern uint8_t g_large[LARGE];             /**< bytes in which no two places look alike */

extern struct serving *g_serving;
extern int g_fd;                   /**< the connection, the web server's side */
extern struct web_bytes g_out;     /**< to send */
extern struct web_answer g_answer; /**< received */

void one_connection_setup(void);
void one_connection_teardown(void);

/* The web server's side. */
void send_out(void);
void await_reached(int step);
void await_end(uint16_t id);
/** BEGIN_REQUEST and params of a POST; FCGI_STDIN is still to come. */
void send_begin(const char *content_length, uint8_t flags);

/* For handlers. @thread serving */
int send_all(struct request *request, const void *bytes, size_t size, unsigned flags);
/** Answers "ok". */
void ok(struct request *request);
/** Answers with the whole body; g_result is what reading ended with, app_status 9 if it failed.
 *  g_reached: 1 it waits for the body, 2 it has ended. */
void echo(struct request *request);

#endif
