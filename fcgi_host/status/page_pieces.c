#include <string.h>

#include "fcgi_host/base/html.h"
#include "fcgi_host/base/text.h"
#include "fcgi_host/status/page_internal.h"

/** What words of the document mean.  Verdicts: reload/stale/stale.h. */
static const struct word {
    const char *word, *class, *hint;
} s_words[] = {
    {"serving", "good", NULL},
    {"switched", "good", "the new code serves, in the same process"},
    {"replaced", "good", "the new code serves, in a new process"},
    {"kept", "bad", "the new code does not serve"},
    {"loading", "busy", NULL},
    {"starting", "busy", NULL},
    {"draining", "busy", "finishes its requests, and ends"},
    {"failed", "bad", NULL},
    {"stuck", "bad", "does not answer"},
    {"clean", "good", "nothing of an interpreter that has ended is left"},
    {"reinitialised", "good", "had kept something, which loading it again has replaced"},
    {"stale", "bad", "still holds objects of an interpreter that has ended"},
    {"dangling", "bad", "still points at memory that has been freed"},
    {"shared", "bad", "is given objects of another interpreter"},
    {"refuses", "busy", "refuses to be loaded again"},
    {"breaks", "bad", "does not work when it is loaded again"},
    {"crashes", "bad", "crashes when it is loaded again"},
    {"unknown", "bad", "could not be checked"},
};

static const struct word *find_word(const char *word) {
    static const struct word s_other = {"", "", NULL};
    for (size_t i = 0; i < sizeof s_words / sizeof s_words[0]; i++) {
        if (strcmp(word, s_words[i].word) == 0) {
            return &s_words[i];
        }
    }
    return &s_other;
}

void page_put_text(FILE *out, const char *text) {
    html_put_text(out, text, strlen(text));
}

void page_put_string(FILE *out, const json_t *object, const char *key) {
    page_put_text(out, json_get_string(object, key));
}

const char *page_class_of(const char *word) {
    return find_word(word)->class;
}

void page_put_word(FILE *out, const char *word) {
    const struct word *found = find_word(word);
    fprintf(out, "<span class=\"%s\"", found->class);
    if (found->hint) {
        fprintf(out, " title=\"%s\"", found->hint);
    }
    fputs(">", out);
    page_put_text(out, word);
    fputs("</span>", out);
}

void page_put_outcome(FILE *out, const json_t *reload) {
    const char *verdict = json_get_string(reload, "verdict");
    double workers = json_get_number(reload, "workers");
    page_put_word(out, json_get_string(reload, "outcome"));
    fprintf(out, " in %.0f ms", json_get_number(reload, "total_ms"));
    if (workers > 1) {
        fprintf(out, ", %.0f workers", workers);
    }
    if (*verdict) {
        fputs(", check: ", out);
        page_put_word(out, verdict);
    }
}

void page_put_why(FILE *out, const json_t *reload) {
    const char *why = json_get_string(reload, "why");
    if (*why) {
        fputs("<br><span class=\"bad path\">", out);
        page_put_text(out, why);
        fputs("</span>", out);
    }
}

void page_put_duration(FILE *out, double seconds) {
    if (seconds < 120) {
        fprintf(out, "%.0f s", seconds);
    } else if (seconds < 7200) {
        fprintf(out, "%.0f min", seconds / 60);
    } else if (seconds < 172800) {
        fprintf(out, "%.0f h", seconds / 3600);
    } else {
        fprintf(out, "%.0f days", seconds / 86400);
    }
}

void page_put_count(FILE *out, double count, const char *thing) {
    fprintf(out, "%.0f %s%s", count, thing, count == 1 ? "" : "s");
}

void page_put_last_line(FILE *out, const char *text) {
    const char *line;
    size_t bytes = text_last_line(text, &line);
    html_put_text(out, line, bytes);
}
