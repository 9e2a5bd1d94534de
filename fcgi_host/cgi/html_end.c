#include "fcgi_host/cgi/html_end.h"

#include <string.h>

enum state {
    TEXT,
    TAG_OPEN,     /* "<" */
    NAME,         /* of a start or end tag */
    TAG,          /* between attributes, and their names */
    BEFORE_VALUE, /* "=" */
    QUOTED,
    UNQUOTED,
    MARKUP,      /* "<!" */
    MARKUP_DASH, /* "<!-" */
    BOGUS,       /* a doctype and the like: up to ">" */
    COMMENT,
    RAW,      /* the text of a script and the like */
    RAW_OPEN, /* "<" in it */
    RAW_NAME, /* "</" in it, and a name */
};

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void begin_name(struct html_end *end, bool is_end_tag) {
    end->is_end_tag = is_end_tag;
    end->name_bytes = 0;
}

static void add_to_name(struct html_end *end, char c) {
    if (end->name_bytes < HTML_NAME_BYTES) {
        end->name[end->name_bytes++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
}

static bool is_named(const struct html_end *end, const char *name) {
    return end->name_bytes == strlen(name) && memcmp(end->name, name, end->name_bytes) == 0;
}

/** Whether what follows the start tag is text up to the end tag of that name. */
static bool is_raw(const struct html_end *end) {
    static const char *const names[] = {"script", "style",   "textarea", "title",    "xmp",
                                        "iframe", "noembed", "noframes", "noscript", "plaintext"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_named(end, names[i])) {
            return true;
        }
    }
    return false;
}

/** ">" of a tag. @return whether it is that of `</body>` */
static bool end_tag(struct html_end *end) {
    end->state = TEXT;
    if (!end->is_end_tag && is_raw(end)) {
        memcpy(end->raw, end->name, sizeof end->raw);
        end->raw_bytes = end->name_bytes;
        end->state = RAW;
    }
    return end->is_end_tag && is_named(end, "body");
}

static void see_open(struct html_end *end, char c) {
    if (c == '!') {
        end->state = MARKUP;
    } else if (c == '?') {
        end->state = BOGUS;
    } else if (c == '/') {
        begin_name(end, true);
        end->state = NAME;
    } else if (is_letter(c)) {
        begin_name(end, false);
        add_to_name(end, c);
        end->state = NAME;
    } else {
        end->state = c == '<' ? TAG_OPEN : TEXT;
    }
}

static bool see_name(struct html_end *end, char c) {
    if (c == '>') {
        return end_tag(end);
    }
    if (end->is_end_tag && end->name_bytes == 0 && !is_letter(c)) {
        end->state = BOGUS; /* "</ " is a comment */
    } else if (is_space(c) || c == '/') {
        end->state = TAG;
    } else {
        add_to_name(end, c);
    }
    return false;
}

static bool see_value(struct html_end *end, char c) {
    if (c == '>') {
        return end_tag(end);
    }
    if (c == '"' || c == '\'') {
        end->quote = c;
        end->state = QUOTED;
    } else if (!is_space(c)) {
        end->state = UNQUOTED;
    }
    return false;
}

static void see_comment(struct html_end *end, char c) {
    if (c == '>' && end->dashes >= 2) {
        end->state = TEXT;
    } else if (c != '!' || end->dashes < 2) { /* "--!>" ends it, too */
        end->dashes = c == '-' ? end->dashes + 1 : 0;
    }
}

/** In raw text. */
static void see_raw(struct html_end *end, char c) {
    bool is_its_end =
        end->name_bytes == end->raw_bytes && memcmp(end->name, end->raw, end->raw_bytes) == 0;
    if (end->state == RAW_OPEN && c == '/') {
        begin_name(end, true);
        end->state = RAW_NAME;
    } else if (end->state == RAW_NAME && is_letter(c)) {
        add_to_name(end, c);
    } else if (end->state == RAW_NAME && is_its_end && (is_space(c) || c == '/' || c == '>')) {
        end->state = c == '>' ? TEXT : TAG;
    } else {
        end->state = c == '<' ? RAW_OPEN : RAW;
    }
}

/** Outside of tags and their attributes. */
static void see_text(struct html_end *end, char c) {
    switch ((enum state)end->state) {
    case TEXT:
        end->state = c == '<' ? TAG_OPEN : TEXT;
        break;
    case TAG_OPEN:
        see_open(end, c);
        break;
    case MARKUP:
        end->state = c == '-' ? MARKUP_DASH : c == '>' ? TEXT : BOGUS;
        break;
    case MARKUP_DASH:
        end->dashes = 2; /* "<!-->" is a whole one */
        end->state = c == '-' ? COMMENT : c == '>' ? TEXT : BOGUS;
        break;
    case BOGUS:
        end->state = c == '>' ? TEXT : BOGUS;
        break;
    case COMMENT:
        see_comment(end, c);
        break;
    default:
        see_raw(end, c);
    }
}

/** @return whether `</body>` ends here */
static bool see(struct html_end *end, char c) {
    switch ((enum state)end->state) {
    case NAME:
        return see_name(end, c);
    case TAG:
        if (c == '>') {
            return end_tag(end);
        }
        end->state = c == '=' ? BEFORE_VALUE : TAG;
        return false;
    case BEFORE_VALUE:
        return see_value(end, c);
    case QUOTED:
        end->state = c == end->quote ? TAG : QUOTED;
        return false;
    case UNQUOTED:
        if (c == '>') {
            return end_tag(end);
        }
        end->state = is_space(c) ? TAG : UNQUOTED;
        return false;
    default:
        see_text(end, c);
        return false;
    }
}

bool html_end_find(struct html_end *end, const char *bytes, size_t size, size_t *ret_behind) {
    for (size_t i = 0; i < size; i++) {
        if (see(end, bytes[i])) {
            *ret_behind = i + 1;
            return true;
        }
    }
    return false;
}
