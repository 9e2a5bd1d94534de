#include "fcgi_host/status/fields.h"

#include <stddef.h>

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

double status_field_number(const struct status_field *field, const json_t *owner) {
    const json_t *object = field->inside ? json_object_get(owner, field->inside) : owner;
    return json_get_number(object, field->key);
}

int status_field_digits(const struct status_field *field) {
    return field->kind == STATUS_MS ? 1 : 0;
}
