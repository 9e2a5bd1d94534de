/**
 * Python's own `faulthandler` module: it writes Python stacks from inside a signal handler, with
 * no lock and no GIL, and knows each version's frames.
 *
 * @tstate none: attaches to the main interpreter, on a thread of its own
 */
#ifndef FCGI_HOST_APP_FAULTHANDLER_H
#define FCGI_HOST_APP_FAULTHANDLER_H

#include "pool/base/error.h"

/** On a fatal signal, write the stack of the thread that got it to `fd`. Errors: ERR_PYTHON */
int faulthandler_enable(int fd, struct error *err);

#endif
