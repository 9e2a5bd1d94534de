#include "reload/stale/stale.h"

#include <stdlib.h>

#include "pool/base/clock.h"
#include "reload/stale/stale_files.h"
#include "reload/stale/stale_internal.h"
#include "reload/stale/stale_known.h"
#include "reload/stale/stale_words.h"

struct stale_check *stale_check_new(struct error *err) {
    struct stale_check *check = calloc(1, sizeof *check);
    if (!check) {
        error_set(err, ERR_MEMORY, "out of memory for the stale state check");
        return NULL;
    }
    /* This class is not exported: a program may have a copy of those that are. */
    check->images.python = (uintptr_t)Py_TYPE(Py_None);
    if (image_list_refresh(&check->images, err) != 0) {
        stale_check_free(check);
        return NULL;
    }
    return check;
}

int stale_check_open(struct stale_check *check, struct stale_view *view,
                     struct stale_view_options options, struct error *err) {
    options.images = &check->images;
    options.memory = options.memory ? options.memory : &check->memory;
    return stale_view_open(view, &options, err);
}

/** The words that may hold objects of the serving generation, except leaf values. */
static int remember_before_load(struct stale_check *check, const struct stale_view *view,
                                struct error *err) {
    if (remembered_start(&check->before_load, view->scan.count, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        if (!object_is_leaf(hit->object) && !stale_memory_is_of_others(&check->memory, hit)) {
            remembered_add(&check->before_load, hit);
        }
    }
    return 0;
}

/** The words that may hold strings and other untracked objects of `view->old`. */
static int remember_leaves(struct stale_check *check, const struct stale_view *view,
                           struct error *err) {
    address_set_clear(&check->memory.before);
    for (size_t i = 0; i < view->scan.unclaimed_count + view->scan.count; i++) {
        bool is_unclaimed = i < view->scan.unclaimed_count;
        const struct scan_hit *hit = is_unclaimed
                                         ? &view->scan.unclaimed[i]
                                         : &view->scan.hits[i - view->scan.unclaimed_count];
        if (stale_memory_note_before(&check->memory, hit, err) != 0) {
            return -1;
        }
    }
    check->memory.knows_before = true;
    return 0;
}

int stale_check_before_load(struct stale_check *check, void *old, struct error *err) {
    struct stale_view view;
    check->memory.knows_before = false;
    if (stale_check_open(check, &view, (struct stale_view_options){.old = old, .use = VIEW_WORDS},
                         err) != 0) {
        return -1;
    }
    int result = remember_before_load(check, &view, err);
    if (result == 0) {
        result = remember_leaves(check, &view, err);
    }
    stale_view_close(&view);
    return result;
}

static void forget_before_load(struct stale_check *check) {
    remembered_clear(&check->before_load);
    address_set_clear(&check->memory.before);
    check->memory.knows_before = false;
}

void stale_check_free(struct stale_check *check) {
    if (check) {
        forget_before_load(check);
        stale_check_forget_end(check);
        stale_memory_clear(&check->memory);
        image_list_clear(&check->images);
        free(check);
    }
}

/** Words that pointed into the old generation and now hold an object of the new one. */
static int report_reinitialised(struct stale_check *check, struct stale_view *view,
                                struct stale_report *report, struct error *err) {
    for (size_t i = 0; i < check->before_load.count; i++) {
        const struct remembered *remembered = &check->before_load.items[i];
        const struct scan_hit *hit = &remembered->hit;
        uintptr_t word;
        if (!remembered_read(remembered, &word) || word == hit->word ||
            !remembered_is_led_to(remembered)) {
            continue;
        }
        uint8_t marks = object_map_marks(view->map, word);
        if ((marks & OWNER_MASK) != OWNER_NEW) {
            continue;
        }
        struct stale_what what = {.hazard = HAZARD_IDENTITY,
                                  .verdict = VERDICT_REINITIALISED,
                                  .holds = (PyObject *)word,
                                  .owner = "this generation"};
        what.is_note = stale_known_is_harmless(hit, &what);
        if (stale_report_add(report, &view->extensions, view->images, hit, &what) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory reporting");
        }
    }
    return 0;
}

int stale_check_loaded(struct stale_check *check, void *old, void *new,
                       struct stale_report **ret_report, struct error *err) {
    double started = clock_now_ms();
    struct stale_view view;
    const struct stale_view_options options = {
        .old = old ? old : new, .new = old ? new : NULL, .use = VIEW_FULL};
    if (stale_check_open(check, &view, options, err) != 0) {
        return -1;
    }
    int result = -1;
    struct stale_report *report = stale_report_new(&view.extensions);
    if (!report) {
        error_set(err, ERR_MEMORY, "out of memory reporting");
    } else if (stale_words_report(&view, report, err) == 0 &&
               stale_edges_report(&view, report, err) == 0 &&
               stale_types_report(&view, report, err) == 0 &&
               stale_threads_report(&view, report, err) == 0 &&
               stale_states_report(&view, report, err) == 0 &&
               stale_handed_out_report(&view, report, err) == 0 &&
               (!old || report_reinitialised(check, &view, report, err) == 0) &&
               image_list_was_read(&check->images, err) == 0) {
        stale_report_conclude(report);
        report->took_ms = clock_now_ms() - started;
        check->memory.was_clean = report->verdict == VERDICT_CLEAN;
        *ret_report = report;
        report = NULL;
        result = 0;
    }
    stale_report_free(report);
    stale_view_close(&view);
    forget_before_load(check);
    return result;
}

int stale_check_files(struct stale_check *check, void *interpreter, bool *ret_is_sure,
                      char *ret_changed, size_t size, struct error *err) {
    return stale_files_check(&check->images, interpreter, ret_is_sure, ret_changed, size, err);
}

int stale_check_foreign(struct stale_check *check, void *interpreter, char *ret_foreign,
                        size_t size, struct error *err) {
    return stale_files_find_foreign(&check->images, interpreter, ret_foreign, size, err);
}

int stale_check_each_library(struct stale_check *check, void *interpreter,
                             void (*visit)(void *ctx, const char *path), void *ctx,
                             struct error *err) {
    return stale_files_each_library(&check->images, interpreter, visit, ctx, err);
}
