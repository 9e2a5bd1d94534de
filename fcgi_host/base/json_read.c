#include "fcgi_host/base/json_read.h"

#include <string.h>

#include "fcgi_host/base/c_locale.h"

json_t *json_parse(const char *text, size_t bytes, struct error *err) {
    json_error_t failure;
    locale_t before = c_locale_enter(); /* jansson knows decimal signs of one byte only */
    json_t *json = json_loadb(text, bytes, JSON_DECODE_ANY, &failure);
    c_locale_leave(before);
    if (!json && json_error_code(&failure) == json_error_out_of_memory) {
        error_set(err, ERR_MEMORY, "out of memory");
    } else if (!json) {
        /* jansson quotes the document after "near", with whatever escape sequences it has. */
        const char *quote = strstr(failure.text, " near ");
        int length = quote ? (int)(quote - failure.text) : (int)strlen(failure.text);
        error_set(err, ERR_PROTOCOL, "not JSON: %.*s at byte %d", length, failure.text,
                  failure.position);
    }
    return json;
}

const char *json_get_string(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

double json_get_number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}
