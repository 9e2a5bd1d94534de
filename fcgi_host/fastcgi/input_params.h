/**
 * The params of a request, taken apart in place.
 * @thread as struct input  @tstate none
 */
#ifndef FCGI_HOST_FASTCGI_INPUT_PARAMS_H
#define FCGI_HOST_FASTCGI_INPUT_PARAMS_H

#include <stddef.h>

#include "fcgi_host/fastcgi/input.h"

/**
 * Fill input->params with slices into the buffer, content_length and has_bad_length.
 * @return 0, or -1: a length that goes past the end, too many pairs, out of memory
 */
int input_params_parse(struct input *input);

/** The buffer has moved: let the slices point into it again. */
void input_params_rebase(struct input *input, const uint8_t *old_bytes);

/** The last of the params with this name, or NULL. */
const struct param *input_params_find(const struct param *params, size_t count, const char *name,
                                      size_t name_bytes);

#endif
