#include "fcgi_host/status/fields.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

const struct status_field status_fields[STATUS_FIELD_COUNT] = {
#define FIELD(id, owner, member, name, type_of_value, ...)                                         \
    {.of = STATUS_##owner,                                                                         \
     .inside = (member),                                                                           \
     .key = (name),                                                                                \
     .kind = STATUS_##type_of_value,                                                               \
     __VA_ARGS__},
#include "fcgi_host/status/fields.def"
#undef FIELD
};

const struct status_field *status_column(unsigned column) {
    for (size_t i = 0; i < STATUS_FIELD_COUNT; i++) {
        if (status_fields[i].column == column) {
            return &status_fields[i];
        }
    }
    return NULL;
}

const json_t *status_field_object(const struct status_field *field, const json_t *owner) {
    const json_t *object = owner;
    for (const char *at = field->inside; at && object;) {
        char member[32];
        size_t size = strcspn(at, ".");
        snprintf(member, sizeof member, "%.*s", (int)size, at);
        object = json_object_get(object, member);
        at = at[size] ? at + size + 1 : NULL;
    }
    return object;
}

double status_field_number(const struct status_field *field, const json_t *owner) {
    return json_get_number(status_field_object(field, owner), field->key);
}

int status_field_digits(const struct status_field *field) {
    return field->kind == STATUS_MS ? 1 : 0;
}
