/**
 * The place of the in-process reloader in a worker: what asks for reloads, and what shows them,
 * calls it through these.  Without one, every reload is a worker replacement.
 *
 * @thread intake, unless said otherwise
 * @tstate none
 */
#ifndef FCGI_HOST_RECYCLE_RELOAD_HOOKS_H
#define FCGI_HOST_RECYCLE_RELOAD_HOOKS_H

#include <stdint.h>

#include "fcgi_host/app/application.h"
#include "fcgi_host/base/json.h"

struct reload_hooks {
    void *ctx;
    /**
     * Reload these applications (names, one a line; "": all) in this process.  Must not block: the
     * outcome is told later by a CHANNEL_RELOADED with this number, from any thread.
     */
    void (*reload)(void *ctx, uint64_t number, const char *names);
    /** Write "strategy" and "why" of the status' "reload" object (its "last" is what was given to
     *  application_set_reload()), and the items of "extensions". */
    void (*write_strategy)(void *ctx, const struct application *application,
                           struct json_writer *json);
    void (*write_extensions)(void *ctx, const struct application *application,
                             struct json_writer *json);
};

#endif
