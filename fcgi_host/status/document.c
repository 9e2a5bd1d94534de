#include "fcgi_host/status/document.h"

#include <assert.h>

void document_add_text(struct json_writer *json, enum status_member member, const char *text) {
    assert(status_fields[member].kind == STATUS_TEXT);
    json_add_string(json, status_fields[member].key, text);
}

void document_add_time(struct json_writer *json, enum status_member member, int64_t seconds) {
    char text[32];
    json_time(seconds, text, sizeof text);
    document_add_text(json, member, seconds == 0 ? NULL : text);
}

void document_add_integer(struct json_writer *json, enum status_member member, int64_t value) {
    assert(status_fields[member].kind == STATUS_NUMBER);
    json_add_integer(json, status_fields[member].key, value);
}

void document_add_number(struct json_writer *json, enum status_member member, double value) {
    assert(status_fields[member].kind == STATUS_NUMBER || status_fields[member].kind == STATUS_MS);
    json_add_number(json, status_fields[member].key, value);
}

void document_add_null(struct json_writer *json, enum status_member member) {
    assert(status_fields[member].kind == STATUS_TEXT ||
           status_fields[member].kind == STATUS_OBJECT);
    json_add_null(json, status_fields[member].key);
}

void document_begin_object(struct json_writer *json, enum status_member member) {
    assert(status_fields[member].kind == STATUS_OBJECT);
    json_begin_object(json, status_fields[member].key);
}

void document_begin_list(struct json_writer *json, enum status_member member) {
    assert(status_fields[member].kind == STATUS_LIST);
    json_begin_array(json, status_fields[member].key);
}
