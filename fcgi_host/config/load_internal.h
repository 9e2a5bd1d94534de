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

/**
 * What users and groups mean: sets `identity` of every process group, and gives an application that
 * has another user than [fcgi_host] a group of its own.  Nothing with `ignore_users`.  Part of
 * config_check().
 */
int config_find_users(struct config_builder *builder, struct error *err);

/** Whether this process may start workers as those users, and may start them as root. */
int config_check_users(const struct config_builder *builder, struct error *err);

/** @return the line of a key; of its section if the key is not set there, or NULL; 0: neither is in
 *  the file */
unsigned config_line_of(const struct section_origin *origin, enum option_section section,
                        const char *key);

/** Put "FILE:LINE: [SECTION] KEY" before the message: the key's line, or the section's if it is not
 *  set there.  Nothing where both are the command line's. @return -1 */
int config_error_at(const struct config_builder *builder, const struct config_place *place,
                    const char *key, struct error *err);

#endif
