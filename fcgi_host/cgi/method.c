#include "fcgi_host/cgi/method.h"

#include <stddef.h>

#include "fcgi_host/fastcgi/request.h"

bool method_is_safe(const struct request *request) {
    static const char *const methods[] = {"GET", "HEAD", "OPTIONS"};
    const struct param *method = request_param(request, "REQUEST_METHOD");
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (param_is(method, methods[i])) {
            return true;
        }
    }
    return false;
}
