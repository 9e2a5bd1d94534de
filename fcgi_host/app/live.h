/**
 * What a worker tells the pages of its applications in browsers (`live = on`, of an application
 * with `dev = on`): which state they should show (link/live_board.h).
 *
 * Nothing is told before the worker accepts requests: until then another one answers them, or
 * none, and a page that reloaded itself would get the old code again.
 *
 * Where `live` is off, every function here does nothing.
 *
 * @thread any  @tstate any
 */
#ifndef FCGI_HOST_APP_LIVE_H
#define FCGI_HOST_APP_LIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgi_host/config/config.h"
#include "pool/base/error.h"

struct application;

/** In a worker, before anything is loaded. */
void live_start(const struct config *config);
/** The worker accepts requests from now on: what has loaded or failed is told now. */
void live_accept(void);

/** Another worker answers the application's requests still: nothing is told of it, until
 *  live_release().  Before live_accept(). */
void live_hold(const struct app_config *config);
void live_release(const struct app_config *config);

/** What a page came from. */
struct live_origin {
    int slot;       /**< the application's on the board; -1: its pages are left alone */
    uint64_t state; /**< that of the code behind the page */
};

/** An edit, or somebody who asked for it, lets other code of the application be loaded. */
void live_expect(const struct app_config *config);
/** Code of an application begins to be loaded. @return the origin of its pages */
struct live_origin live_draw(const struct app_config *config);
/** The origin of an error page in place of the application. */
struct live_origin live_failure_origin(const struct app_config *config);

/** The code that was loaded last serves. */
void live_serves(const struct app_config *config);
/** The application is answered with an error page because of `err`; the same again is no news. */
void live_fails(const struct app_config *config, const struct error *err);
/** The worker that was to replace this one, or to have the application, is not to serve.
 *  @return whether it failed to load the application, and is not this one; then `ret_err` says why
 */
bool live_take_error(const struct app_config *config, struct error *ret_err);

#endif
