#include "fcgi_host/cgi/environ_filter.h"

#include <string.h>

#include "fcgi_host/base/text.h"

#define RULE(name, rule)                                                                           \
    { name, sizeof(name) - 1, rule }
static const struct {
    const char *name;
    size_t size;
    enum environ_rule rule;
} s_rules[] = {
    /* nginx and lighttpd send these beside CONTENT_TYPE and CONTENT_LENGTH, which PEP 3333 names; a
     * second, unchecked copy is a trap. */
    RULE("HTTP_CONTENT_TYPE", ENVIRON_DROP),
    RULE("HTTP_CONTENT_LENGTH", ENVIRON_DROP),
    /* The request header "Proxy", which many programs would take for the variable that names
       their own proxy (CVE-2016-5385 and its like). */
    RULE("HTTP_PROXY", ENVIRON_DROP),
    /* The host sets them itself: routing has split the path, and knows the role. */
    RULE("SCRIPT_NAME", ENVIRON_DROP),
    RULE("PATH_INFO", ENVIRON_DROP),
    RULE("FCGI_ROLE", ENVIRON_DROP),
    /* RFC 3875 §4.2: the web server has taken the coding off; a program that believes the header
     * reads what is no longer there.  wsgi.input_terminated says how the body ends. */
    RULE("HTTP_TRANSFER_ENCODING", ENVIRON_DROP),
    RULE("CONTENT_LENGTH", ENVIRON_LENGTH),
    RULE("REQUEST_METHOD", ENVIRON_METHOD),
    /* nginx sends an empty SERVER_NAME when its server block has no name. */
    RULE("SERVER_NAME", ENVIRON_HOST),
    RULE("SERVER_PORT", ENVIRON_NOT_EMPTY),
    RULE("SERVER_PROTOCOL", ENVIRON_NOT_EMPTY),
    RULE("HTTPS", ENVIRON_HTTPS),
    RULE("REQUEST_SCHEME", ENVIRON_SCHEME),
    RULE("HTTP_AUTHORIZATION", ENVIRON_PRIVATE),
    RULE("HTTP_COOKIE", ENVIRON_PRIVATE),
};

static bool starts_with(const char *name, size_t size, const char *start) {
    size_t start_size = strlen(start);
    return size >= start_size && memcmp(name, start, start_size) == 0;
}

enum environ_rule environ_filter_rule(const char *name, size_t size) {
    for (size_t i = 0; i < sizeof s_rules / sizeof *s_rules; i++) {
        if (size == s_rules[i].size && memcmp(name, s_rules[i].name, size) == 0) {
            return s_rules[i].rule;
        }
    }
    /* A web server's configuration must not pass itself off as this host. */
    if (size == 0 || starts_with(name, size, "wsgi.") || starts_with(name, size, "fcgi_host.")) {
        return ENVIRON_DROP;
    }
    return ENVIRON_TAKE;
}

size_t environ_filter_host_size(const char *value, size_t size) {
    size_t at = size;
    while (at > 0 && value[at - 1] >= '0' && value[at - 1] <= '9') {
        at--;
    }
    bool has_port = at > 0 && value[at - 1] == ':' &&
                    (value[0] == '[' ? at > 1 && value[at - 2] == ']'
                                     : !memchr(value, ':', at - 1)); /* else a bare IPv6 address */
    return has_port ? at - 1 : size;
}

bool environ_filter_is_https(const char *value, size_t size) {
    static const char *const words[] = {"on", "1", "yes", "true"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (size == strlen(words[i]) && text_is_same_word(value, words[i], size)) {
            return true;
        }
    }
    return false;
}
