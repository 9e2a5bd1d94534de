/**
 * What the files that implement option_kinds.h share.
 *
 * @thread any; pure
 * @tstate none; needs no Python
 */
#ifndef FCGI_HOST_CONFIG_OPTION_KINDS_INTERNAL_H
#define FCGI_HOST_CONFIG_OPTION_KINDS_INTERNAL_H

#include "fcgi_host/config/option_kinds.h"
#include "fcgi_host/config/options.h"

/** Head of a kind's set function. */
#define SET(name)                                                                                  \
    static int set_##name(void *field, const struct config_option *option,                         \
                          const struct option_place *place, const char *text, struct error *err)

/** A kind whose field is a malloc'ed char *, NULL when not set. */
#define TEXT_KIND(name)                                                                            \
    const struct option_kind option_kind_##name = {                                                \
        .set = set_##name, .print = option_print_text, .clear = option_clear_text}

/** Put `text` (malloc'ed, or NULL: out of memory) into such a field. */
int option_give_text(void *field, char *text, struct error *err);
void option_print_text(const void *field, const struct config_option *option, FILE *out);
void option_clear_text(void *field);
/** Of a struct optional_number. */
void option_clear_number(void *field);

#endif
