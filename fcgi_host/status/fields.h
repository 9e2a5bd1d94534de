/**
 * The members of the status document (fields.def), and what the views make of each.
 *
 * @thread any: constant  @tstate none
 */
#ifndef FCGI_HOST_STATUS_FIELDS_H
#define FCGI_HOST_STATUS_FIELDS_H

#include "fcgi_host/base/json_read.h"

enum status_owner { STATUS_HOST, STATUS_WORKER, STATUS_APP };
enum status_kind { STATUS_TEXT, STATUS_NUMBER, STATUS_MS, STATUS_OBJECT, STATUS_LIST };

struct status_field {
    enum status_owner of;
    /** Member of the owner's that holds the object, "a.b": that of one; NULL: the owner itself. */
    const char *inside;
    const char *key;
    enum status_kind kind;

    /* As a metric of OpenMetrics; milliseconds become seconds. */
    const char *metric, *type, *unit, *help; /**< `metric` NULL: none; `unit` NULL: none */
    const char *label, *label_value;         /**< a further label of the sample; NULL: none */
    const char *suffix;                      /**< of the sample's name; NULL: as the type has it */

    /* As a column of numbers in the applications' table. */
    unsigned column;     /**< from 1; 0: none */
    const char *title;   /**< in the page */
    const char *hint;    /**< in the page, when the pointer rests on the title; NULL: none */
    const char *heading; /**< in the terminal */
    int width;           /**< in the terminal */
};

/** The members' names; each is its row's place in `status_fields`. */
enum status_member {
#define FIELD(name, ...) STATUS_##name,
#include "fcgi_host/status/fields.def"
#undef FIELD
    STATUS_FIELD_COUNT
};

extern const struct status_field status_fields[STATUS_FIELD_COUNT];

/** @param column  from 1  @return the field that is this column, or NULL past the last */
const struct status_field *status_column(unsigned column);

/** @param owner  the worker, the application …
 *  @return the object that holds the field, or the array of objects; NULL: it is absent */
const json_t *status_field_object(const struct status_field *field, const json_t *owner);

/** @param owner  the worker, the application …  @return the field's number, 0 when absent */
double status_field_number(const struct status_field *field, const json_t *owner);

/** @return digits after the point that people read: 1 for milliseconds, else 0 */
int status_field_digits(const struct status_field *field);

#endif
