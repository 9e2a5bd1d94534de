/**
 * A rehearsal that the host makes by itself (rehearse = on): what the process that tries an
 * application tells the supervisor.
 *
 * @owns the supervisor; everything is valid as long as the process
 */
#ifndef FCGI_HOST_LINK_REHEARSAL_H
#define FCGI_HOST_LINK_REHEARSAL_H

#include "fcgi_host/link/channel.h"

struct app_config;

enum rehearsal_outcome {
    REHEARSAL_SAME,   /**< it is in every interpreter as in a plain one */
    REHEARSAL_MAIN,   /**< it belongs in the main interpreter of a process of its own */
    REHEARSAL_FAILED, /**< nothing can be said: `why` */
};

/** Crosses a pipe as it is, between two processes of one program. */
struct rehearsal_report {
    int outcome;                         /**< enum rehearsal_outcome */
    char finding[CHANNEL_FINDING_BYTES]; /**< of an extension or the application; NUL-terminated */
    char why[CHANNEL_TEXT_BYTES];        /**< NUL-terminated */
};

/** Try an application in throw-away processes: rehearse_application(). Called in a child. */
typedef void rehearse_function(const struct app_config *app, struct rehearsal_report *ret_report);

#endif
