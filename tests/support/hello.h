/**
 * The smallest application, and one request to it: for tests of connections (Criterion).
 */
#ifndef TESTS_SUPPORT_HELLO_H
#define TESTS_SUPPORT_HELLO_H

#include <stdatomic.h>

#include "fcgi_host/fastcgi/request.h"
#include "tests/support/serving.h"
#include "tests/support/web_server.h"

enum { SOON_MS = 10000 };

/** Requests that hello() has answered. */
extern atomic_int g_hello_served;
/** The handler: answers in one send. */
void hello(struct request *request);
/** FCGI_STDOUT and FCGI_END_REQUEST are those of hello(). */
void assert_hello(const struct web_answer *answer);
/** Send and empty `bytes`. */
void send_bytes(int fd, struct web_bytes *bytes);
/** One whole request to hello() on a connection that stays open. */
void ask(int fd, uint16_t id);
/** The peer closes, soon, without another byte. */
void assert_closed(int fd);

#endif
