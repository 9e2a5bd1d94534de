#include "fcgi_host/fastcgi/params.h"

#include <string.h>

const struct param *params_find(const struct param *params, size_t count, const char *name,
                                size_t name_bytes) {
    for (size_t i = count; i > 0; i--) {
        const struct param *param = &params[i - 1];
        if (param->name_bytes == name_bytes && memcmp(param->name, name, name_bytes) == 0) {
            return param;
        }
    }
    return NULL;
}
