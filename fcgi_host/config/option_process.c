#include "fcgi_host/config/option_kinds_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi_host/config/identity.h"

/* What a process is given at its start, beside numbers and folders. */

SET(user) {
    (void)option, (void)place;
    uid_t uid;
    return identity_user_id(text, &uid, err) == 0 ? option_give_text(field, strdup(text), err) : -1;
}
TEXT_KIND(user);

SET(group) {
    (void)option, (void)place;
    gid_t gid;
    return identity_group_id(text, &gid, err) == 0 ? option_give_text(field, strdup(text), err)
                                                   : -1;
}
TEXT_KIND(group);

static int check_preload(const char *words, struct error *err) {
    bool has_many = strchr(words, ' ') != NULL;
    for (const char *word = words; *word;) {
        size_t size = strcspn(word, " ");
        if (!option_is_dotted(word, size)) {
            return error_set(err, ERR_USAGE, "\"%.*s\" is not the name of a module", (int)size,
                             word);
        }
        bool is_alone =
            (size == strlen(CONFIG_PRELOAD_AUTO) &&
             strncmp(word, CONFIG_PRELOAD_AUTO, size) == 0) ||
            (size == strlen(CONFIG_PRELOAD_OFF) && strncmp(word, CONFIG_PRELOAD_OFF, size) == 0);
        if (has_many && is_alone) {
            return error_set(err, ERR_USAGE, "%.*s stands alone, without names of modules",
                             (int)size, word);
        }
        word += size + (word[size] == ' ');
    }
    return *words ? 0 : error_set(err, ERR_USAGE, "empty: auto, off, or names of modules");
}

/** The words, with one blank between them. */
SET(preload) {
    (void)option, (void)place;
    static const char s_blank[] = " \t";
    char *words = malloc(strlen(text) + 2), *end = words;
    if (!words) {
        return error_set(err, ERR_MEMORY, "out of memory");
    }
    for (text += strspn(text, s_blank); *text; text += strspn(text, s_blank)) {
        size_t size = strcspn(text, s_blank);
        if (end > words) {
            *end++ = ' ';
        }
        memcpy(end, text, size);
        end += size;
        text += size;
    }
    *end = '\0';
    if (check_preload(words, err) != 0) {
        free(words);
        return -1;
    }
    return option_give_text(field, words, err);
}
TEXT_KIND(preload);

void option_clear_number(void *field) {
    *(struct optional_number *)field = (struct optional_number){0};
}

enum { MOST_UMASK = 0777, LEAST_NICE = -20, MOST_NICE = 19 };

SET(umask) {
    (void)option, (void)place;
    char *end;
    errno = 0;
    unsigned long mask = strtoul(text, &end, 8);
    if (*text < '0' || *text > '7' || *end || errno || mask > MOST_UMASK) {
        return error_set(err, ERR_USAGE, "\"%s\" is not an octal number from 0 to 0777", text);
    }
    *(struct optional_number *)field = (struct optional_number){true, (int)mask};
    return 0;
}

static void print_umask(const void *field, const struct config_option *option, FILE *out) {
    const struct optional_number *number = field;
    if (number->is_set) {
        fprintf(out, "%s = %04o\n", option->key, (unsigned)number->value);
    }
}

const struct option_kind option_kind_umask = {
    .set = set_umask, .print = print_umask, .clear = option_clear_number};

SET(nice) {
    (void)option, (void)place;
    char *end;
    errno = 0;
    long nice = strtol(text, &end, 10);
    const char *digits = text + (*text == '-');
    if (*digits < '0' || *digits > '9' || *end || errno || nice < LEAST_NICE || nice > MOST_NICE) {
        return error_set(err, ERR_USAGE, "\"%s\" is not a number from -20 to 19", text);
    }
    *(struct optional_number *)field = (struct optional_number){true, (int)nice};
    return 0;
}

static void print_nice(const void *field, const struct config_option *option, FILE *out) {
    const struct optional_number *number = field;
    if (number->is_set) {
        fprintf(out, "%s = %d\n", option->key, number->value);
    }
}

const struct option_kind option_kind_nice = {
    .set = set_nice, .print = print_nice, .clear = option_clear_number};

/* ---- rlimit.NAME ---- */

#define UNLIMITED "unlimited"

static int unknown_limit(const char *name, struct error *err) {
    char names[128] = "";
    size_t size = 0;
    for (size_t i = 0; i < RESOURCE_LIMIT_COUNT; i++) {
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i > 0 ? ", " : "",
                                 resource_limit_kinds[i].name);
    }
    return error_set(err, ERR_USAGE, "\"%s\" is not one of %s", name, names);
}

SET(rlimit) {
    (void)option;
    struct resource_limits *limits = field;
    size_t i = 0;
    while (i < RESOURCE_LIMIT_COUNT && strcmp(resource_limit_kinds[i].name, place->name) != 0) {
        i++;
    }
    if (i == RESOURCE_LIMIT_COUNT) {
        return unknown_limit(place->name, err);
    }
    if (limits->items[i].is_set) {
        return error_set(err, ERR_USAGE, "%s: given twice", place->name);
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool is_unlimited = strcmp(text, UNLIMITED) == 0;
    if (!is_unlimited &&
        (*text < '0' || *text > '9' || *end || errno || (rlim_t)value >= RLIM_INFINITY)) {
        return error_set(err, ERR_USAGE, "%s: \"%s\" is neither a number nor " UNLIMITED,
                         place->name, text);
    }
    limits->items[i].is_set = true;
    limits->items[i].value = is_unlimited ? RLIM_INFINITY : (rlim_t)value;
    return 0;
}

static void print_rlimit(const void *field, const struct config_option *option, FILE *out) {
    const struct resource_limits *limits = field;
    int prefix = (int)strcspn(option->key, ".") + 1;
    for (size_t i = 0; i < RESOURCE_LIMIT_COUNT; i++) {
        const char *name = resource_limit_kinds[i].name;
        unsigned long long value = limits->items[i].value;
        if (!limits->items[i].is_set) {
            continue;
        }
        if (limits->items[i].value == RLIM_INFINITY) {
            fprintf(out, "%.*s%s = " UNLIMITED "\n", prefix, option->key, name);
        } else {
            fprintf(out, "%.*s%s = %llu\n", prefix, option->key, name, value);
        }
    }
}

static void clear_rlimits(void *field) {
    *(struct resource_limits *)field = (struct resource_limits){0};
}

const struct option_kind option_kind_rlimit = {.set = set_rlimit,
                                               .print = print_rlimit,
                                               .clear = clear_rlimits,
                                               .is_list = true,
                                               .has_names = true};
