/* What [task NAME] sections say. */
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/option_kinds_internal.h"

enum {
    MINUTE_S = 60,
    HOUR_S = 60 * MINUTE_S,
    DAY_S = 24 * HOUR_S,
    MOST_S = 366 * DAY_S,
    HOURS = 24,
    MINUTES = 60,
};

/* ---- package.module:function ---- */

SET(call) {
    (void)option, (void)place;
    const char *colon = strchr(text, ':');
    if (!colon || !option_is_dotted(text, (size_t)(colon - text)) ||
        !option_is_dotted(colon + 1, strlen(colon + 1))) {
        return error_set(err, ERR_USAGE, "\"%s\" is not MODULE:FUNCTION", text);
    }
    return option_give_text(field, strdup(text), err);
}
TEXT_KIND(call);

/* ---- 30s, 5m, 1h, 2d ---- */

static unsigned unit_s(const char *unit) {
    return strcmp(unit, "") == 0 || strcmp(unit, "s") == 0 ? 1
           : strcmp(unit, "m") == 0                        ? MINUTE_S
           : strcmp(unit, "h") == 0                        ? HOUR_S
           : strcmp(unit, "d") == 0                        ? DAY_S
                                                           : 0;
}

SET(interval) {
    (void)option, (void)place;
    char *unit;
    unsigned long count = strtoul(text, &unit, 10);
    unsigned factor = unit_s(unit);
    if (*text < '0' || *text > '9' || factor == 0 || count == 0 || count > MOST_S / factor) {
        return error_set(err, ERR_USAGE,
                         "\"%s\" is not a time such as 30s, 5m, 1h or 2d (366d at most)", text);
    }
    *(unsigned *)field = (unsigned)count * factor;
    return 0;
}

static void print_interval(const void *field, const struct config_option *option, FILE *out) {
    unsigned seconds = *(const unsigned *)field;
    if (seconds > 0) {
        fprintf(out, "%s = %us\n", option->key, seconds);
    }
}

static void clear_interval(void *field) {
    *(unsigned *)field = 0;
}

const struct option_kind option_kind_interval = {
    .set = set_interval, .print = print_interval, .clear = clear_interval};

/* ---- 03:00 ---- */

/** @return a number of one or two digits before `end`; -1: there is none */
static int two_digits(const char *text, const char *end) {
    if (end - text < 1 || end - text > 2 || strspn(text, "0123456789") < (size_t)(end - text)) {
        return -1;
    }
    return (int)strtol(text, NULL, 10);
}

SET(time_of_day) {
    (void)option, (void)place;
    const char *colon = strchr(text, ':');
    int hour = colon ? two_digits(text, colon) : -1;
    int minute = colon && strlen(colon + 1) == 2 ? two_digits(colon + 1, colon + 3) : -1;
    if (hour < 0 || hour >= HOURS || minute < 0 || minute >= MINUTES) {
        return error_set(err, ERR_USAGE, "\"%s\" is not a time of day such as 03:00", text);
    }
    *(struct optional_number *)field = (struct optional_number){true, hour * MINUTES + minute};
    return 0;
}

static void print_time_of_day(const void *field, const struct config_option *option, FILE *out) {
    const struct optional_number *minutes = field;
    if (minutes->is_set) {
        fprintf(out, "%s = %02d:%02d\n", option->key, minutes->value / MINUTES,
                minutes->value % MINUTES);
    }
}

const struct option_kind option_kind_time_of_day = {
    .set = set_time_of_day, .print = print_time_of_day, .clear = option_clear_number};
