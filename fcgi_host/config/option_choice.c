#include "fcgi_host/config/option_kinds_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/base/text.h"

static void clear_nothing(void *field) {
    (void)field;
}

/** Read digits. @param[out] ret_end  what follows  @return whether it is a number of the range */
static bool read_number(const struct config_option *option, const char *text, const char **ret_end,
                        unsigned *ret_number) {
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *ret_end = end;
    *ret_number = (unsigned)number;
    return *text >= '0' && *text <= '9' && !errno && number >= option->least &&
           number <= option->most;
}

SET(number) {
    (void)place;
    const char *end;
    unsigned number;
    if (!read_number(option, text, &end, &number) || *end) {
        return error_set(err, ERR_USAGE, "\"%s\" is not a number from %u to %u", text,
                         option->least, option->most);
    }
    *(unsigned *)field = number;
    return 0;
}

static void print_number(const void *field, const struct config_option *option, FILE *out) {
    fprintf(out, "%s = %u\n", option->key, *(const unsigned *)field);
}

const struct option_kind option_kind_number = {
    .set = set_number, .print = print_number, .clear = clear_nothing};

SET(workers) {
    (void)place;
    struct worker_range range;
    const char *end;
    bool is_valid = read_number(option, text, &end, &range.least);
    range.most = range.least;
    if (is_valid && *end == '-') {
        is_valid = read_number(option, end + 1, &end, &range.most);
    }
    if (!is_valid || *end || range.most < 1 || range.most < range.least) {
        return error_set(err, ERR_USAGE, "\"%s\" is not a number from 1 to %u, nor a range MIN-MAX",
                         text, option->most);
    }
    *(struct worker_range *)field = range;
    return 0;
}

static void print_workers(const void *field, const struct config_option *option, FILE *out) {
    const struct worker_range *range = field;
    fprintf(out, "%s = %u", option->key, range->least);
    if (range->most != range->least) {
        fprintf(out, "-%u", range->most);
    }
    fputc('\n', out);
}

const struct option_kind option_kind_workers = {
    .set = set_workers, .print = print_workers, .clear = clear_nothing};

/** The place of `text` among `choices` ("a|b|c"). @return -1 with ERR_USAGE if it is not there */
static int choose(const char *choices, const char *text, struct error *err) {
    size_t size = strlen(text);
    const char *choice = choices;
    for (int i = 0;; i++) {
        size_t length = strcspn(choice, "|");
        if (length == size && text_is_same_word(choice, text, size)) {
            return i;
        }
        if (choice[length] == '\0') {
            return error_set(err, ERR_USAGE, "\"%s\" is not one of %s", text, choices);
        }
        choice += length + 1;
    }
}

static void print_choice(const char *choices, int chosen, const struct config_option *option,
                         FILE *out) {
    for (; chosen > 0; chosen--) {
        choices += strcspn(choices, "|") + 1;
    }
    fprintf(out, "%s = %.*s\n", option->key, (int)strcspn(choices, "|"), choices);
}

/** A kind whose value is one of a few words, in the order of the C type's values. */
#define CHOICE_KIND(name, type, choices)                                                           \
    SET(name) {                                                                                    \
        (void)option, (void)place;                                                                 \
        int chosen = choose(choices, text, err);                                                   \
        if (chosen >= 0) {                                                                         \
            *(type *)field = (type)chosen;                                                         \
        }                                                                                          \
        return chosen >= 0 ? 0 : -1;                                                               \
    }                                                                                              \
    static void print_##name(const void *field, const struct config_option *option, FILE *out) {   \
        print_choice(choices, (int)*(const type *)field, option, out);                             \
    }                                                                                              \
    const struct option_kind option_kind_##name = {                                                \
        .set = set_##name, .print = print_##name, .clear = clear_nothing}

#define LEVELS "debug|info|warn|error|off"

CHOICE_KIND(level, enum log_level, LEVELS);

SET(optional_level) {
    enum log_level level;
    struct optional_number *number = field;
    if (set_level(&level, option, place, text, err) != 0) {
        return -1;
    }
    *number = (struct optional_number){true, (int)level};
    return 0;
}

static void print_optional_level(const void *field, const struct config_option *option, FILE *out) {
    const struct optional_number *number = field;
    if (number->is_set) {
        print_choice(LEVELS, number->value, option, out);
    }
}

const struct option_kind option_kind_optional_level = {
    .set = set_optional_level, .print = print_optional_level, .clear = option_clear_number};

CHOICE_KIND(access_format, enum access_format, "combined|short");
CHOICE_KIND(log_format, enum log_format, "text|json");
CHOICE_KIND(reload_mode, enum reload_mode, "auto|interpreter|worker|restart|off");
CHOICE_KIND(on_client_gone, enum on_client_gone, "ignore|raise|raise-any");
CHOICE_KIND(on_stale, enum on_stale, "replace|refuse|warn");
CHOICE_KIND(spare, enum spare_mode, "auto|on|off");

SET(boolean) {
    (void)option, (void)place;
    struct error ignored;
    int chosen = choose("off|on|no|yes|false|true|0|1", text, &ignored);
    if (chosen < 0) {
        return error_set(err, ERR_USAGE, "\"%s\" is not one of on, off, yes, no, true, false, 1, 0",
                         text);
    }
    *(bool *)field = chosen % 2 == 1;
    return 0;
}

static void print_boolean(const void *field, const struct config_option *option, FILE *out) {
    print_choice(option->kind->words, !*(const bool *)field, option, out);
}

const struct option_kind option_kind_boolean = {
    .set = set_boolean, .print = print_boolean, .clear = clear_nothing, .words = "on|off"};

/** The same, as other programs' configurations have it where something is allowed. */
const struct option_kind option_kind_yes_no = {
    .set = set_boolean, .print = print_boolean, .clear = clear_nothing, .words = "yes|no"};

SET(gil) {
    (void)option, (void)place;
    int chosen = choose("shared|own", text, err);
    if (chosen == 1 && !FCGI_HOST_PYTHON_HAS_OWN_GIL) {
        return error_set(err, ERR_USAGE,
                         "own needs Python 3.13 or later; this program is built with %s",
                         FCGI_HOST_PYTHON_VERSION);
    }
    if (chosen >= 0) {
        *(bool *)field = chosen == 1;
    }
    return chosen >= 0 ? 0 : -1;
}

static void print_gil(const void *field, const struct config_option *option, FILE *out) {
    fprintf(out, "%s = %s\n", option->key, *(const bool *)field ? "own" : "shared");
}

const struct option_kind option_kind_gil = {
    .set = set_gil, .print = print_gil, .clear = clear_nothing};

static const char s_lazy_imports[] = "normal|all|off";

SET(lazy_imports) {
    (void)option, (void)place;
    int chosen = choose(s_lazy_imports, text, err);
    if (chosen == LAZY_IMPORTS_ALL && !FCGI_HOST_PYTHON_HAS_LAZY_IMPORTS) {
        return error_set(err, ERR_USAGE,
                         "all needs Python 3.15 or later; this program is built with %s",
                         FCGI_HOST_PYTHON_VERSION);
    }
    if (chosen >= 0) {
        *(enum lazy_imports *)field = (enum lazy_imports)chosen;
    }
    return chosen >= 0 ? 0 : -1;
}

static void print_lazy_imports(const void *field, const struct config_option *option, FILE *out) {
    print_choice(s_lazy_imports, (int)*(const enum lazy_imports *)field, option, out);
}

const struct option_kind option_kind_lazy_imports = {
    .set = set_lazy_imports, .print = print_lazy_imports, .clear = clear_nothing};
