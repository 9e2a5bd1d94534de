#include "reload/stale/stale.h"

#include <stdlib.h>
#include <string.h>

#include "pool/base/clock.h"
#include "pool/python/cpython_inspect.h"
#include "reload/memory/safe_read.h"
#include "reload/objects/free_watch.h"
#include "reload/objects/gilstate.h"
#include "reload/objects/living.h"
#include "reload/objects/object_text.h"
#include "reload/stale/remembered.h"
#include "reload/stale/stale_files.h"
#include "reload/stale/stale_known.h"
#include "reload/stale/stale_words.h"

struct stale_check {
    struct image_list images;
    struct remembered *before_load; /**< words into the generation that served then */
    size_t before_load_count;
    struct remembered *before_end; /**< words into the generation that is being ended */
    size_t before_end_count;
    struct scan_hit *cut; /**< what was not looked at whole, of that generation */
    size_t cut_count;
    struct stale_memory memory;
    struct free_watch *watch; /**< on between before_end and after_end, when there are such words */
};

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

/** With the check's images and, unless others are given, its memory. */
static int open_view(struct stale_check *check, struct stale_view *view,
                     struct stale_view_options options, struct error *err) {
    options.images = &check->images;
    options.memory = options.memory ? options.memory : &check->memory;
    return stale_view_open(view, &options, err);
}

/** Whether a word in a heap block may be a leftover: not worth a watch. */
static bool is_doubtful(const struct scan_hit *hit) {
    return stale_words_is_leftover(hit, true);
}

static int make_room(size_t most, struct remembered **ret_words, size_t *ret_count,
                     struct error *err) {
    free(*ret_words);
    *ret_count = 0;
    *ret_words = calloc(most + 1, sizeof **ret_words);
    if (!*ret_words) {
        error_set(err, ERR_MEMORY, "out of memory remembering what extensions hold");
        return -1;
    }
    return 0;
}

/** The words that may hold objects of the serving generation, except leaf values. */
static int remember_before_load(struct stale_check *check, const struct stale_view *view,
                                struct error *err) {
    if (make_room(view->scan.count, &check->before_load, &check->before_load_count, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        if (!object_is_leaf(hit->object) && !stale_memory_is_of_others(&check->memory, hit)) {
            remembered_object(hit, &check->before_load[check->before_load_count++]);
        }
    }
    return 0;
}

/** Same for the ending generation; also untracked objects (strings), whose owner is unknown. */
static int remember_before_end(struct stale_check *check, struct stale_view *view,
                               struct error *err) {
    size_t most = view->scan.count + view->scan.unclaimed_count + view->scan.state_count;
    if (make_room(most, &check->before_end, &check->before_end_count, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        if (!is_doubtful(hit) && !stale_memory_is_of_others(&check->memory, hit) &&
            !stale_memory_is_of_subject(&check->memory, hit)) {
            struct remembered *word = &check->before_end[check->before_end_count++];
            remembered_object(hit, word);
            object_text(hit->object, word->holds, sizeof word->holds);
        }
    }
    for (size_t i = 0; i < view->scan.unclaimed_count; i++) {
        const struct scan_hit *hit = &view->scan.unclaimed[i];
        if (!hit->depth && !hit->via) {
            remembered_unclaimed(hit, &check->before_end[check->before_end_count++]);
        }
    }
    for (size_t i = 0; i < view->scan.state_count; i++) {
        remembered_state(&view->scan.states[i], &check->before_end[check->before_end_count++]);
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
    if (open_view(check, &view, (struct stale_view_options){.old = old, .use = VIEW_WORDS}, err) !=
        0) {
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
    free(check->before_load);
    check->before_load = NULL;
    check->before_load_count = 0;
    address_set_clear(&check->memory.before);
    check->memory.knows_before = false;
}

static void forget_before_end(struct stale_check *check) {
    free_watch_stop(check->watch);
    check->watch = NULL;
    free(check->before_end);
    check->before_end = NULL;
    check->before_end_count = 0;
    free(check->cut);
    check->cut = NULL;
    check->cut_count = 0;
}

void stale_check_free(struct stale_check *check) {
    if (check) {
        forget_before_load(check);
        forget_before_end(check);
        stale_memory_clear(&check->memory);
        image_list_clear(&check->images);
        free(check);
    }
}

/** Words that pointed into the old generation and now hold an object of the new one. */
static int report_reinitialised(struct stale_check *check, struct stale_view *view,
                                struct stale_report *report, struct error *err) {
    for (size_t i = 0; i < check->before_load_count; i++) {
        const struct scan_hit *hit = &check->before_load[i].hit;
        uintptr_t word;
        if (!safe_read(hit->holder, &word, sizeof word) || word == hit->word ||
            !remembered_is_led_to(&check->before_load[i])) {
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
        const char *module = extension_list_module_of(&view->extensions, view->images, hit->image);
        what.is_note = stale_known_is_harmless(module, hit, &what);
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
    if (open_view(check, &view, options, err) != 0) {
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
               (!old || report_reinitialised(check, &view, report, err) == 0)) {
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

/** Count references where no watch is possible: an interpreter with its own GIL frees, too. */
static int count_instead(struct stale_check *check, void *old, void *new, struct error *err) {
    struct stale_view view;
    struct stale_memory nothing = {0};
    const struct stale_view_options options = {
        .old = old, .new = new, .use = VIEW_FULL, .memory = &nothing};
    if (open_view(check, &view, options, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < check->before_end_count; i++) {
        struct remembered *word = &check->before_end[i];
        word->is_borrowed = !word->is_state && stale_words_is_borrowed(&view, &word->hit);
    }
    stale_memory_clear(&nothing);
    stale_view_close(&view);
    return 0;
}

static int watch_blocks(struct stale_check *check, struct error *err) {
    uintptr_t *blocks = calloc(check->before_end_count, sizeof *blocks);
    if (!blocks) {
        return error_set(err, ERR_MEMORY, "out of memory for the blocks to watch");
    }
    for (size_t i = 0; i < check->before_end_count; i++) {
        blocks[i] = check->before_end[i].block;
    }
    check->watch = free_watch_start(blocks, check->before_end_count, err);
    free(blocks);
    return check->watch ? 0 : -1;
}

int stale_check_before_end(struct stale_check *check, void *old, void *new, struct error *err) {
    struct stale_view view;
    const struct stale_view_options options = {.old = old, .new = new, .use = VIEW_WORDS};
    forget_before_end(check);
    if (open_view(check, &view, options, err) != 0) {
        return -1;
    }
    int result = remember_before_end(check, &view, err);
    check->cut = view.scan.cut;
    check->cut_count = view.scan.cut_count;
    view.scan.cut = NULL;
    stale_view_close(&view);
    if (result != 0 || !check->before_end_count) {
        return result;
    }
    /* Without a `new` one the check after the end comes when one has loaded: too long to watch. */
    if (new &&watch_blocks(check, err) == 0) {
        return result;
    }
    return count_instead(check, old, new, err);
}

static bool uses_gilstate(uintptr_t starter, void *arg) {
    const struct image *image = image_list_find(arg, starter);
    return image && image->imports_gilstate;
}

bool stale_check_may_end(struct stale_check *check, void *old) {
    /* Out of memory: go by the images known so far. */
    image_list_refresh(&check->images, NULL);
    return gilstate_may_end(old, uses_gilstate, &check->images);
}

/** Objects that outlive their interpreter are in no list of the collector; others are tracked. */
static bool is_of_the_living(const struct stale_check *check, const struct remembered *word) {
    PyTypeObject *type;
    return living_object(NULL, &check->images, (uintptr_t)word->hit.object, NULL, &type) ==
           LIVING_TRACKED;
}

static int report_after_end(struct stale_check *check, const struct extension_list *extensions,
                            struct stale_report *report) {
    for (size_t i = 0; i < check->before_end_count; i++) {
        const struct remembered *word = &check->before_end[i];
        bool was_freed = word->is_state || (check->watch ? free_watch_saw(check->watch, word->block)
                                                         : word->is_borrowed);
        if (!remembered_is_held(word) ||
            (!was_freed && (word->is_harmless_if_kept || is_of_the_living(check, word)))) {
            continue;
        }
        struct stale_what what = {.hazard = was_freed ? HAZARD_BORROWED : HAZARD_IDENTITY,
                                  .verdict = was_freed ? VERDICT_DANGLING : VERDICT_STALE,
                                  .is_borrowed = was_freed,
                                  .holds_text = word->holds,
                                  .owner = "the ended generation"};
        const char *module = extension_list_module_of(extensions, &check->images, word->hit.image);
        what.is_note = stale_known_is_harmless(module, &word->hit, &what);
        if (stale_report_add(report, extensions, &check->images, &word->hit, &what) != 0) {
            return -1;
        }
    }
    return 0;
}

static int report_cut(const struct stale_check *check, const struct extension_list *extensions,
                      struct stale_report *report) {
    struct stale_what what = stale_cut_what();
    for (size_t i = 0; i < check->cut_count; i++) {
        if (stale_report_add(report, extensions, &check->images, &check->cut[i], &what) != 0) {
            return -1;
        }
    }
    return 0;
}

int stale_check_after_end(struct stale_check *check, void *new, struct stale_report **ret_report,
                          struct error *err) {
    double started = clock_now_ms();
    struct extension_list extensions = {0};
    struct stale_report *report = NULL;
    int result = -1;
    if (stale_files_are_whole(&check->images, err) != 0 ||
        extension_list_read(&extensions, new, &check->images, err) != 0) {
        goto out;
    }
    report = stale_report_new(&extensions);
    if (!report || report_after_end(check, &extensions, report) != 0 ||
        report_cut(check, &extensions, report) != 0) {
        error_set(err, ERR_MEMORY, "out of memory reporting");
        goto out;
    }
    stale_report_conclude(report);
    report->took_ms = clock_now_ms() - started;
    *ret_report = report;
    report = NULL;
    result = 0;
out:
    forget_before_end(check);
    stale_report_free(report);
    extension_list_clear(&extensions);
    return result;
}

int stale_check_files(struct stale_check *check, void *interpreter, bool *ret_is_sure,
                      char *ret_changed, size_t size, struct error *err) {
    return stale_files_check(&check->images, interpreter, ret_is_sure, ret_changed, size, err);
}

int stale_check_each_library(struct stale_check *check, void *interpreter,
                             void (*visit)(void *ctx, const char *path), void *ctx,
                             struct error *err) {
    return stale_files_each_library(&check->images, interpreter, visit, ctx, err);
}
