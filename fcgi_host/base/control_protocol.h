/**
 * What both sides of the control socket rely on: the supervisor and `fcgi_host status|reload|exec|
 * profile`.
 *
 * A client sends one command, one word a line, an empty line at its end:
 *     "status\n\n"  or  "reload\nNAME\nNAME\n\n"
 *     "ping\n\n", "ready\nNAME\n\n", "drain\nSECONDS\n\n"
 *     "stop\n\n", "stopped\n\n": not answered; the connection ends with the host
 * and gets one JSON document, then the end of the stream.  While the answer takes time it gets a
 * blank now and then, which JSON allows before a document: the host is at work.
 *
 *     "exec\nAPP\n\n", "profile\nAPP\n\n", or with the process id of a worker after APP
 * bring along one end of a socket pair (link/session.h), which the worker gets.
 */
#ifndef FCGI_HOST_BASE_CONTROL_PROTOCOL_H
#define FCGI_HOST_BASE_CONTROL_PROTOCOL_H

enum {
    CONTROL_SIGN_OF_LIFE_MS = 2000, /**< how often a client that waits gets a blank */
    CONTROL_SILENCE_MS = 10000,     /**< a client that gets nothing for so long gives up */
};

#endif
