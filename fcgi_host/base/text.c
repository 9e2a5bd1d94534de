#include "fcgi_host/base/text.h"

#include <string.h>

bool text_is_same(const char *one, const char *other) {
    return one == other || (one && other && strcmp(one, other) == 0);
}
