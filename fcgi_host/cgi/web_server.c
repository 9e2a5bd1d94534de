#include "fcgi_host/cgi/web_server.h"

#include <string.h>

/* The number at the start of `text`, which is left behind it and the byte that follows; -1: none.
 */
static int take_number(struct slice *text) {
    enum { NUMBER_MAX = 9999 };
    int number = -1;
    while (text->size > 0 && *text->bytes >= '0' && *text->bytes <= '9' && number <= NUMBER_MAX) {
        number = (number < 0 ? 0 : 10 * number) + (*text->bytes - '0');
        text->bytes++;
        text->size--;
    }
    if (text->size > 0) {
        text->bytes++;
        text->size--;
    }
    return number;
}

bool web_server_takes_errors(struct slice server_software) {
    static const char s_haproxy[] = "HAProxy ";
    const size_t name_bytes = sizeof s_haproxy - 1;
    if (server_software.size < name_bytes ||
        memcmp(server_software.bytes, s_haproxy, name_bytes) != 0) {
        return true;
    }
    struct slice version = {server_software.bytes + name_bytes, server_software.size - name_bytes};
    int major = take_number(&version);
    int minor = take_number(&version);
    return major > 2 || (major == 2 && minor >= 9);
}
