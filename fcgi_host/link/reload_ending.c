#include "fcgi_host/link/reload_ending.h"

#include <stdio.h>
#include <string.h>

#include "fcgi_host/base/text.h"

void reload_ending_set_why(struct reload_ending *ending, const char *text) {
    const char *line;
    size_t bytes = text_last_line(text, &line);
    snprintf(ending->why, sizeof ending->why, "%.*s", (int)bytes, line);
}

/** One line: outcome, verdict, cause, why. */
static void put_line(char **to, const char *text) {
    for (; *text; text++) {
        *(*to)++ = *text == '\n' ? ' ' : *text;
    }
    *(*to)++ = '\n';
}

void reload_ending_write(const struct reload_ending *ending, char ret_text[RELOAD_ENDING_BYTES]) {
    _Static_assert(RELOAD_ENDING_BYTES > sizeof ending->cause + sizeof ending->verdict +
                                             sizeof ending->why + 32 /* outcome */,
                   "every text fits");
    char *to = ret_text;
    put_line(&to, reload_outcome_name(ending->outcome));
    put_line(&to, ending->verdict);
    put_line(&to, ending->cause);
    put_line(&to, ending->why);
    *to = '\0';
}

/** Copy a line. @return what follows it */
static const char *take_line(const char *text, char *ret_line, size_t bytes) {
    size_t length = strcspn(text, "\n");
    snprintf(ret_line, bytes, "%.*s", (int)length, text);
    return text + length + (text[length] == '\n');
}

void reload_ending_parse(const char *text, struct reload_ending *ret_ending) {
    char outcome[32];
    *ret_ending = (struct reload_ending){0};
    text = take_line(text, outcome, sizeof outcome);
    text = take_line(text, ret_ending->verdict, sizeof ret_ending->verdict);
    text = take_line(text, ret_ending->cause, sizeof ret_ending->cause);
    take_line(text, ret_ending->why, sizeof ret_ending->why);
    ret_ending->outcome = reload_outcome_parse(outcome);
}
