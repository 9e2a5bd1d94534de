/* The last fifteen minutes as plots, and the last reloads, which the plots have as marks. */
#include <math.h>
#include <string.h>

#include "fcgi_host/status/page_internal.h"

/* The drawing's own units: two for each step across, so that fifteen minutes are 180. */
enum { WIDTH = 180, HEIGHT = 48, PER_STEP = 2, MINUTES = 15 };

/** What a line is made of: a number for each step. */
struct series {
    const char *key;    /* of the history */
    const char *class;  /* of the line */
    double scale;       /* of the number, for people */
    bool is_per_second; /* it counts events of a step */
    bool has_gaps;      /* 0: there is none */
};

struct plot {
    const char *title, *unit;
    int digits;
    struct series series[2]; /* the second may be absent */
};

static const struct plot s_plots[] = {
    {"Requests", "/s", 1, {{"requests", "line", 1, true, false}, {0}}},
    {"p50, p99",
     " ms",
     1,
     {{"p99_ms", "line second", 1, false, true}, {"p50_ms", "line", 1, false, true}}},
    {"Waiting requests", "", 1, {{"queued", "line", 1, false, false}, {0}}},
    {"Memory", " MB", 0, {{"rss_bytes", "line", 1.0 / (1 << 20), false, true}, {0}}},
};

/** A step that has just begun says little: until then it is shown with the one before. */
enum { WHOLE_ENOUGH_S = 3 };

static double number_at(const json_t *list, size_t step) {
    return json_number_value(json_array_get(list, step));
}

/** How long a step is: the last one as far as it has come, the first one since the host began. */
static double seconds_of(const struct page *page, size_t step, size_t count) {
    const json_t *history = json_object_get(page->status, "history");
    double step_s = json_get_number(history, "step_s"), last_s = json_get_number(history, "last_s");
    double since_first_s = (double)(count - 1) * step_s + last_s;
    double before_s = fmax(since_first_s - json_get_number(page->status, "uptime_s"), 0);
    return (step + 1 == count ? last_s : step_s) - (step == 0 ? fmin(before_s, step_s - 1) : 0);
}

static double rate_at(const struct page *page, const json_t *list, size_t step) {
    size_t count = json_array_size(list);
    double number = number_at(list, step), seconds = seconds_of(page, step, count);
    if (step > 0 && step + 1 == count && seconds < WHOLE_ENOUGH_S) {
        number += number_at(list, step - 1);
        seconds += seconds_of(page, step - 1, count);
    }
    return number / fmax(seconds, 1);
}

/** @return a step's number, as it is shown */
static double value_at(const struct page *page, const struct series *series, size_t step) {
    const json_t *list = json_object_get(json_object_get(page->status, "history"), series->key);
    return (series->is_per_second ? rate_at(page, list, step) : number_at(list, step)) *
           series->scale;
}

static size_t step_count(const struct page *page) {
    return json_array_size(json_object_get(json_object_get(page->status, "history"), "requests"));
}

static double most_of(const struct page *page, const struct plot *plot) {
    double most = 0;
    for (size_t i = 0; i < 2 && plot->series[i].key; i++) {
        for (size_t step = 0; step < step_count(page); step++) {
            most = fmax(most, value_at(page, &plot->series[i], step));
        }
    }
    return most;
}

/** @param ago  in steps before the one that is going on */
static double place_across(double ago) {
    return WIDTH - ago * PER_STEP;
}

static void put_line(const struct page *page, const struct series *series, double most) {
    FILE *out = page->out;
    size_t count = step_count(page);
    bool is_begun = false;
    fprintf(out, "<path class=\"%s\" d=\"", series->class);
    for (size_t step = 0; step < count; step++) {
        double value = value_at(page, series, step);
        bool is_there = value > 0 || !series->has_gaps;
        double up = most > 0 ? value / most : 0;
        if (is_there) {
            fprintf(out, "%s%.0f %.1f", is_begun ? "L" : "M",
                    place_across((double)(count - 1 - step)), HEIGHT - 1 - up * (HEIGHT - 3));
            if (!is_begun) {
                fputs("h.1", out); /* a step alone is a dot */
            }
        }
        is_begun = is_there;
    }
    fputs("\"/>", out);
}

/** A line from top to bottom for each reload. */
static void put_marks(const struct page *page) {
    size_t i;
    const json_t *reload;
    double step_s = json_get_number(json_object_get(page->status, "history"), "step_s");
    json_array_foreach(json_object_get(page->status, "recent_reloads"), i, reload) {
        double across = place_across(json_get_number(reload, "age_s") / fmax(step_s, 1));
        if (across >= 0) {
            fprintf(page->out, "<path class=\"mark %s\" d=\"M%.1f 0v%d\"/>",
                    page_class_of(json_get_string(reload, "outcome")), across, HEIGHT);
        }
    }
}

/** @return the last number that there is */
static double value_now(const struct page *page, const struct series *series) {
    for (size_t step = step_count(page); step > 0; step--) {
        double value = value_at(page, series, step - 1);
        if (value > 0 || !series->has_gaps) {
            return value;
        }
    }
    return 0;
}

static void put_plot(const struct page *page, const struct plot *plot) {
    FILE *out = page->out;
    const struct series *last = &plot->series[plot->series[1].key ? 1 : 0];
    double most = most_of(page, plot);
    fprintf(out, "<figure><figcaption>%s<b>%.*f%s", plot->title, plot->digits,
            value_now(page, last), plot->unit);
    if (last != plot->series) {
        fprintf(out, ", %.*f%s", plot->digits, value_now(page, plot->series), plot->unit);
    }
    fprintf(out,
            "</b></figcaption><svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"%s in the last %d minutes, at most %.*f%s\">",
            WIDTH, HEIGHT, plot->title, MINUTES, plot->digits, most, plot->unit);
    put_marks(page);
    for (size_t i = 0; i < 2 && plot->series[i].key; i++) {
        put_line(page, &plot->series[i], most);
    }
    fprintf(out,
            "</svg><p class=\"axis\"><span>%d min ago</span><span>at most %.*f%s</span>"
            "<span>now</span></p></figure>\n",
            MINUTES, plot->digits, most, plot->unit);
}

void page_put_plots(const struct page *page) {
    if (step_count(page) == 0) {
        return;
    }
    fputs("<div class=\"plots\">\n", page->out);
    for (size_t i = 0; i < sizeof s_plots / sizeof s_plots[0]; i++) {
        put_plot(page, &s_plots[i]);
    }
    fputs("</div>\n", page->out);
}

/* ---- Reloads ---- */

/** Reloads that are shown at once; more are there when they are asked for. */
enum { SHOWN_RELOADS = 5 };

static void put_reload(FILE *out, const json_t *reload) {
    const char *app = json_get_string(reload, "app");
    fprintf(out, "<li class=\"%s\"><span class=\"when\" title=\"",
            page_class_of(json_get_string(reload, "outcome")));
    page_put_string(out, reload, "at");
    fputs("\">", out);
    page_put_duration(out, json_get_number(reload, "age_s"));
    fputs(" ago</span> <b>", out);
    page_put_text(out, *app ? app : json_get_string(reload, "process"));
    fputs(*app ? "</b> " : "</b> (process) ", out);
    page_put_outcome(out, reload);
    fputs(" <span class=\"soft path\">", out);
    page_put_string(out, reload, "cause");
    fputs("</span>", out);
    page_put_why(out, reload);
    fputs("</li>\n", out);
}

void page_put_reloads(const struct page *page) {
    size_t i;
    const json_t *reload, *reloads = json_object_get(page->status, "recent_reloads");
    size_t count = json_array_size(reloads);
    if (count == 0) {
        return;
    }
    fputs("<section><h2>Reloads</h2><ul class=\"reloads\">\n", page->out);
    json_array_foreach(reloads, i, reload) {
        if (i == SHOWN_RELOADS) {
            fprintf(page->out,
                    "</ul><details><summary>%zu before</summary><ul class=\"reloads\">\n",
                    count - SHOWN_RELOADS);
        }
        put_reload(page->out, reload);
    }
    fputs(count > SHOWN_RELOADS ? "</ul></details></section>\n" : "</ul></section>\n", page->out);
}
