/**
 * The sentence that `systemctl status` shows of the service: how many applications and workers
 * there are, what is wrong, and how the last reload ended:
 *
 *     2 applications, 3 workers; failed: shop; last reload of blog: switched
 *
 * It is told (sd_notify(3), STATUS=) whenever it is another one, and where a service manager
 * listens only.
 *
 * @thread the supervisor's  @tstate none
 */
#ifndef FCGI_HOST_SUPERVISOR_SERVICE_STATUS_H
#define FCGI_HOST_SUPERVISOR_SERVICE_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgi_host/link/reload_outcome.h"
#include "fcgi_host/supervisor/groups.h"

enum { SERVICE_STATUS_BYTES = 512 };

/** What the sentence is made of. */
struct service_facts {
    size_t applications;
    bool has_scripts;
    unsigned workers;
    const char *amiss; /**< "loading: a, b", "failed: a", "draining"; "": nothing */
    const char *last;  /**< how the last reload ended; "": there was none */
};

/** Write the sentence. Pure. */
void service_status_write(const struct service_facts *facts, char *ret_text, size_t bytes);

/** A worker tells how a reload of an application ended.  REPLACED: it has asked for another worker;
 *  how that ends service_status_replaced() is told. */
void service_status_reloaded(const char *app, enum reload_outcome outcome);

/** The replacement of a worker has ended. @param outcome  REPLACED or KEPT */
void service_status_replaced(enum reload_outcome outcome);

/** The configuration was read again, and is not in effect. */
void service_status_refused(const char *why);

/** Tell what is new, if anything is: after each turn of the supervisor's loop. */
void service_status_look(const struct groups *groups, bool is_drained);

#endif
