/**
 * The steps of load.c that have a file of their own.
 *
 * @thread one at a time
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_LOAD_INTERNAL_H
#define FCGI_HOST_CONFIG_LOAD_INTERNAL_H

#include "fcgi_host/config/builder.h"

/** Read the file. Errors: ERR_USAGE with file:line, ERR_SYSTEM */
int config_file_read(struct config_builder *builder, const char *path, struct error *err);

/** What holds between keys: required ones, duplicates, shared interpreters.  Fills in names. */
int config_check(struct config_builder *builder, struct error *err);

#endif
