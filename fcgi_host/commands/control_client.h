/**
 * Asking a host something over its control socket (control_protocol.h).
 *
 * @thread one at a time  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_CONTROL_CLIENT_H
#define FCGI_HOST_COMMANDS_CONTROL_CLIENT_H

#include <stddef.h>

#include "fcgi_host/base/json_read.h"
#include "pool/base/error.h"

/** A command and its arguments. */
struct control_words {
    const char *const *items;
    size_t count;
};

/**
 * Say `words`, and wait for the answer.
 * @param fd  goes along, and stays the caller's; -1: none
 * @return the JSON document, malloc'ed and NUL-terminated; NULL: ERR_USAGE (the path), ERR_SYSTEM,
 *         ERR_TIMEOUT, ERR_CLOSED, ERR_MEMORY
 */
char *control_ask(const char *socket, const struct control_words *words, int fd, size_t *ret_bytes,
                  struct error *err);
/** The same, parsed. @return the document, json_decref() it; NULL: as above, ERR_PROTOCOL */
json_t *control_ask_json(const char *socket, const struct control_words *words, struct error *err);

#endif
