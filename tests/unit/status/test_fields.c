/** The table of fields against a document that has every member. */
#include <criterion/criterion.h>
#include <string.h>

#include "fcgi_host/status/fields.h"
#include "tests/unit/status/document.h"

static const struct status_field *find_field(enum status_owner of, const char *inside,
                                             const char *key) {
    for (size_t i = 0; i < STATUS_FIELD_COUNT; i++) {
        const struct status_field *field = &status_fields[i];
        bool is_inside =
            field->inside && inside ? strcmp(field->inside, inside) == 0 : field->inside == inside;
        if (field->of == of && is_inside && strcmp(field->key, key) == 0) {
            return field;
        }
    }
    return NULL;
}

static unsigned s_seen; /* distinct fields */
static bool s_is_seen[STATUS_FIELD_COUNT];

static void check_value(const struct status_field *field, const json_t *value) {
    bool is_right =
        (field->kind == STATUS_TEXT && (json_is_string(value) || json_is_null(value))) ||
        (field->kind == STATUS_NUMBER && json_is_number(value)) ||
        (field->kind == STATUS_MS && json_is_number(value)) ||
        (field->kind == STATUS_OBJECT && (json_is_object(value) || json_is_null(value))) ||
        (field->kind == STATUS_LIST && json_is_array(value));
    cr_assert(is_right, "%s", field->key);
}

static void check_object(enum status_owner of, const char *inside, const json_t *object);

/** An object, or each of an array of objects. */
static void check_inside(const struct status_field *field, const json_t *value) {
    char inside[64];
    size_t i;
    const json_t *each;
    bool is_owner = field->of != STATUS_APP && !field->inside &&
                    (strcmp(field->key, "workers") == 0 || strcmp(field->key, "apps") == 0);
    enum status_owner of = !is_owner                         ? field->of
                           : strcmp(field->key, "apps") == 0 ? STATUS_APP
                                                             : STATUS_WORKER;
    snprintf(inside, sizeof inside, "%s%s%s", field->inside ? field->inside : "",
             field->inside ? "." : "", field->key);
    if (json_is_object(value)) {
        check_object(of, inside, value);
    }
    json_array_foreach(value, i, each) {
        check_object(of, is_owner ? NULL : inside, each);
    }
}

static void check_object(enum status_owner of, const char *inside, const json_t *object) {
    for (void *at = json_object_iter((json_t *)object); at;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        const struct status_field *field = find_field(of, inside, key);
        cr_assert_not_null(field, "%s.%s is not in the table", inside ? inside : "", key);
        check_value(field, json_object_iter_value(at));
        check_inside(field, json_object_iter_value(at));
        s_seen += !s_is_seen[field - status_fields];
        s_is_seen[field - status_fields] = true;
    }
}

Test(fields, the_table_has_the_documents_members_and_no_other) {
    json_t *json = document();
    check_object(STATUS_HOST, NULL, json);
    for (size_t i = 0; i < STATUS_FIELD_COUNT; i++) {
        cr_assert(s_is_seen[i], "%s is not in the document", status_fields[i].key);
    }
    cr_assert_eq(s_seen, STATUS_FIELD_COUNT);
    json_decref(json);
}

Test(fields, a_number_is_found_in_an_object_of_an_object) {
    json_t *app = document_of("{\"a\":{\"b\":{\"c\":7}},\"c\":1}");
    const struct status_field field = {.inside = "a.b", .key = "c", .kind = STATUS_NUMBER};
    cr_assert_eq(status_field_number(&field, app), 7);
    const struct status_field none = {.inside = "a.x", .key = "c", .kind = STATUS_NUMBER};
    cr_assert_eq(status_field_number(&none, app), 0);
    json_decref(app);
}

Test(fields, columns_are_numbered_from_one_without_a_gap) {
    unsigned columns = 0, found = 0;
    for (size_t i = 0; i < STATUS_FIELD_COUNT; i++) {
        columns += status_fields[i].column > 0;
    }
    while (status_column(found + 1)) {
        found++;
    }
    cr_assert_gt(columns, 0);
    cr_assert_eq(found, columns);
    cr_assert_null(status_column(found + 1));
}

Test(fields, every_metric_is_described_and_of_one_place) {
    for (size_t i = 0; i < STATUS_FIELD_COUNT; i++) {
        const struct status_field *field = &status_fields[i];
        if (!field->metric) {
            continue;
        }
        cr_assert(field->type && field->help, "%s", field->metric);
        for (size_t j = 0; j < i; j++) { /* samples of a family must stand together */
            const char *other = status_fields[j].metric;
            cr_assert(!other || strcmp(other, field->metric) != 0 || j + 1 == i ||
                          strcmp(status_fields[i - 1].metric, field->metric) == 0,
                      "%s", field->metric);
        }
        /* OpenMetrics 1.0, "Units and Base Units": the unit ends the name. */
        size_t length = strlen(field->metric), unit = field->unit ? strlen(field->unit) : 0;
        cr_assert(!unit || strcmp(field->metric + length - unit, field->unit) == 0, "%s",
                  field->metric);
    }
}
