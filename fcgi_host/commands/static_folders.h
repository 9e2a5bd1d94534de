/**
 * What a web server's configuration says of folders that it answers from (the key `static`), in
 * the language of each: for `fcgi_host serve`, and for what `fcgi_host init` writes.
 *
 * @thread any, on a list of the caller's  @tstate none
 */
#ifndef FCGI_HOST_COMMANDS_STATIC_FOLDERS_H
#define FCGI_HOST_COMMANDS_STATIC_FOLDERS_H

#include <stdio.h>

#include "fcgi_host/commands/serve_config.h"
#include "fcgi_host/config/config.h"

/**
 * Add a folder as the configuration names it.
 * @param url, folder  as in "static = URL DIR"; a relative DIR is below the working directory
 * @return 0, or -1: ERR_USAGE, ERR_MEMORY
 */
int static_folders_add(struct string_list *folders, const char *url, const char *folder,
                       struct error *err);

/**
 * Add those of all applications.  What is there already keeps its URL: a web server answers it
 * from one folder, whatever the host of the request is.
 * @param command  said on standard error with each folder that is left out: its application's host
 *                 is another one
 * @return 0, or -1: ERR_MEMORY
 */
int static_folders_add_all(struct string_list *folders, const struct config *config,
                           const char *command, struct error *err);

/** Who reads the text. */
enum static_folders_use {
    STATIC_FOLDERS_SITE, /**< a part of a site's own configuration */
    /** serve's: browsers ask each time, every request is a line of SERVE_LINES_FD, and nobody else
     *  has said which types files have. */
    STATIC_FOLDERS_SERVE,
};

/** Write it; for nginx, what belongs in `server`. @param folders  of the functions above */
void static_folders_write(FILE *out, enum web_server server, const struct string_list *folders,
                          enum static_folders_use use);

#endif
