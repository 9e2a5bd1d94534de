/**
 * The web servers that `fcgi_host serve` knows: their programs and their configurations.
 * Pure but for serve_find_program().
 * @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_SERVE_CONFIG_H
#define FCGI_HOST_COMMANDS_SERVE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "pool/base/error.h"
#include "pool/base/string_list.h"

enum web_server { WEB_SERVER_LIGHTTPD, WEB_SERVER_NGINX, WEB_SERVER_APACHE };

/** @return 0, or -1 for an unknown name */
int web_server_from_name(const char *name, enum web_server *ret_server);
const char *web_server_name(enum web_server server);

/** The user that it serves as; NULL: the one that starts it. */
const char *serve_user(enum web_server server);

/**
 * Its program, from $PATH and the sbin folders.
 * @return malloc'ed path, or NULL: ERR_NOT_FOUND, naming the Debian package
 */
char *serve_find_program(enum web_server server, struct error *err);

/** Its arguments, NULL-ended, to run in the foreground with the configuration file. */
enum { SERVE_ARGUMENTS_MAX = 8 };
void serve_arguments(enum web_server server, const char *program, const char *config_file,
                     const char *ret_argv[SERVE_ARGUMENTS_MAX]);

/**
 * Descriptor that the server has for lines about requests that it answers itself:
 * "GET /a?b HTTP/1.1 200 TIME\n".  A pipe: not every standard stream can be opened by its name.
 */
#define SERVE_LINES_FD 3
/** Milliseconds that 1 is in TIME. */
double serve_time_unit_ms(enum web_server server);

/** Where everything goes. */
struct serve_address {
    const char *folder; /**< for the server's own files */
    const char *socket_path;
    unsigned port;
    bool is_live; /**< LIVE_PATH (cgi/live_page.h) answers with streams of events */
    const struct string_list *static_folders; /**< static_folders.h */
};

/**
 * The text of a configuration: everything on 127.0.0.1:port goes to the socket, but for files.
 * @return malloc'ed text, or NULL: ERR_MEMORY
 */
char *serve_config_text(enum web_server server, const struct serve_address *address,
                        struct error *err);

#endif
