/* Before an interpreter ends and after: which words still lead to what went with it? */
#include <stdio.h>
#include <stdlib.h>

#include "pool/base/apart.h"
#include "pool/base/clock.h"
#include "pool/python/cpython_inspect.h"
#include "reload/memory/address_set.h"
#include "reload/objects/gilstate.h"
#include "reload/objects/living.h"
#include "reload/stale/stale_files.h"
#include "reload/stale/stale_internal.h"
#include "reload/stale/stale_known.h"
#include "reload/stale/stale_words.h"

void stale_check_forget_end(struct stale_check *check) {
    free_watch_stop(check->watch);
    check->watch = NULL;
    check->is_end_unseen = false;
    remembered_clear(&check->before_end);
    apart_free(check->cut);
    check->cut = NULL;
    check->cut_count = 0;
}

/* ---- Before ---- */

/** Words that may hold objects of the generation that ends; strings' owner is unknown. */
static void remember_objects(struct stale_check *check, const struct stale_view *view) {
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        if (!stale_words_is_leftover(hit, true) && /* not worth a watch */
            !stale_memory_is_of_others(&check->memory, hit) &&
            !stale_memory_is_of_subject(&check->memory, hit)) {
            struct remembered *word = remembered_add(&check->before_end, hit);
            word->is_harmless_if_kept = object_is_leaf(hit->object) || PyWeakref_Check(hit->object);
            object_text(hit->object, word->holds, sizeof word->holds);
        }
    }
    for (size_t i = 0; i < view->scan.unclaimed_count; i++) {
        const struct scan_hit *hit = &view->scan.unclaimed[i];
        if (!remembered_is_indirect(hit)) {
            struct remembered *word = remembered_add(&check->before_end, hit);
            word->is_harmless_if_kept = true;
            object_text(hit->object, word->holds, sizeof word->holds);
        }
    }
}

/** Words that lead to the interpreter's own state, and to other memory: characters, buffers … */
static void remember_memory(struct stale_check *check, const struct stale_view *view) {
    for (size_t i = 0; i < view->scan.state_count; i++) {
        struct remembered *word = remembered_add(&check->before_end, &view->scan.states[i]);
        word->is_state = true;
        snprintf(word->holds, sizeof word->holds, "%s", stale_states_what().holds_text);
    }
    for (size_t i = 0; i < view->scan.pointer_count; i++) {
        remembered_add(&check->before_end, &view->scan.pointers[i]);
    }
}

/** Count references where no watch is possible: an interpreter with its own GIL frees, too. */
static int count_instead(struct stale_check *check, void *old, void *new, struct error *err) {
    struct stale_view view;
    struct stale_memory nothing = {0};
    const struct stale_view_options options = {
        .old = old, .new = new, .use = VIEW_FULL, .memory = &nothing};
    if (stale_check_open(check, &view, options, err) != 0) {
        return -1;
    }
    for (size_t i = 0; i < check->before_end.count; i++) {
        struct remembered *word = &check->before_end.items[i];
        word->is_borrowed = word->hit.object && stale_words_is_borrowed(&view, &word->hit);
    }
    stale_memory_clear(&nothing);
    stale_view_close(&view);
    return 0;
}

/** Where the memory is that a word leads to. */
static uintptr_t target_of(const struct scan_hit *hit) {
    return hit->object ? (uintptr_t)hit->object : hit->word;
}

static int watch_memory(struct stale_check *check, struct error *err) {
    size_t count = check->before_end.count;
    uintptr_t *addresses = apart_calloc(count, sizeof *addresses);
    if (!addresses) {
        return error_set(err, ERR_MEMORY, "out of memory for the memory to watch");
    }
    for (size_t i = 0; i < count; i++) {
        addresses[i] = target_of(&check->before_end.items[i].hit);
    }
    check->watch = free_watch_start(addresses, count, &check->images, err);
    apart_free(addresses);
    return check->watch ? 0 : -1;
}

static int remember_before_end(struct stale_check *check, const struct stale_view_options *options,
                               struct error *err) {
    struct stale_view view;
    if (stale_check_open(check, &view, *options, err) != 0) {
        return -1;
    }
    size_t most = view.scan.count + view.scan.unclaimed_count + view.scan.state_count +
                  view.scan.pointer_count;
    int result = remembered_start(&check->before_end, most, err);
    if (result == 0) {
        remember_objects(check, &view);
        remember_memory(check, &view);
    }
    check->cut = view.scan.cut;
    check->cut_count = view.scan.cut_count;
    view.scan.cut = NULL;
    stale_view_close(&view);
    return result;
}

int stale_check_before_end(struct stale_check *check, void *old, void *new, struct error *err) {
    /* Without a `new` one the check after the end comes when one has loaded: too long to watch. */
    const struct stale_view_options options = {
        .old = old, .new = new, .use = VIEW_WORDS, .with_pointers = new != NULL};
    stale_check_forget_end(check);
    int result = remember_before_end(check, &options, err);
    if (result == 0 && check->before_end.count && !(new &&watch_memory(check, err) == 0)) {
        result = count_instead(check, old, new, err);
    }
    check->is_end_unseen = result != 0;
    return result;
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

/* ---- After ---- */

/** Objects that outlive their interpreter are in no list of the collector; others are tracked. */
static bool is_of_the_living(const struct stale_check *check, const struct remembered *word) {
    PyTypeObject *type;
    return living_object(NULL, &check->images, (uintptr_t)word->hit.object, NULL, &type) ==
           LIVING_TRACKED;
}

/** Whether a word that held an object is a finding. */
static bool judge_object(const struct stale_check *check, const struct remembered *word,
                         struct stale_what *what) {
    bool was_freed = check->watch ? free_watch_find(check->watch, target_of(&word->hit)) != NULL
                                  : word->is_borrowed;
    *what = (struct stale_what){.hazard = was_freed ? HAZARD_BORROWED : HAZARD_IDENTITY,
                                .verdict = was_freed ? VERDICT_DANGLING : VERDICT_STALE,
                                .is_borrowed = was_freed,
                                .holds_text = word->holds};
    return was_freed || !(word->is_harmless_if_kept || is_of_the_living(check, word));
}

/**
 * Whether a pointer may be one that C code keeps.  A variable was written by it; a heap block may
 * hold leftovers, which lead anywhere.  A word at an object's start is judged as one that holds it,
 * and what stands before an object is CPython's own.
 */
static bool is_kept(const struct scan_hit *hit, const struct freed_block *freed) {
    enum { TAG_BITS = 7 };
    return remembered_is_indirect(hit) ? hit->word == freed->contents
                                       : (hit->word & ~(uintptr_t)TAG_BITS) > freed->object;
}

/** The same for a word that led to other memory. */
static bool judge_pointer(const struct stale_check *check, struct remembered *word,
                          struct stale_what *what) {
    const struct freed_block *freed =
        check->watch ? free_watch_find(check->watch, word->hit.word) : NULL;
    if (!freed || !is_kept(&word->hit, freed)) {
        return false;
    }
    snprintf(word->holds, sizeof word->holds, "memory of %.*s that was freed",
             (int)sizeof word->holds - 32, freed->text);
    *what = (struct stale_what){.hazard = HAZARD_BORROWED,
                                .verdict = VERDICT_DANGLING,
                                .is_borrowed = true,
                                .holds_text = word->holds};
    return true;
}

static bool judge(const struct stale_check *check, struct remembered *word,
                  struct stale_what *what) {
    if (word->is_state) {
        *what = stale_states_what();
        return true;
    }
    return word->hit.object ? judge_object(check, word, what) : judge_pointer(check, word, what);
}

/** A heap block's pointers may be many: one that dangles is told of each variable. */
static bool is_told(struct address_set *told, const struct remembered *word) {
    if (word->hit.object || word->is_state || !remembered_is_indirect(&word->hit)) {
        return false;
    }
    struct address_entry *entry = address_set_add(told, word->hit.location);
    return entry && entry->value++;
}

static int report_after_end(struct stale_check *check, const struct extension_list *extensions,
                            struct stale_report *report) {
    struct address_set told = {0};
    int result = 0;
    for (size_t i = 0; result == 0 && i < check->before_end.count; i++) {
        struct remembered *word = &check->before_end.items[i];
        struct stale_what what;
        if (!judge(check, word, &what) || !remembered_is_held(word) || is_told(&told, word)) {
            continue;
        }
        what.owner = "the ended generation";
        what.is_note = stale_known_is_harmless(&word->hit, &what);
        result = stale_report_add(report, extensions, &check->images, &word->hit, &what);
    }
    address_set_clear(&told);
    return result;
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
    if (check->is_end_unseen) {
        error_set(err, ERR_SYSTEM, "it could not be made before the interpreter ended");
        goto out;
    }
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
    if (image_list_was_read(&check->images, err) != 0) {
        goto out;
    }
    stale_report_conclude(report);
    report->took_ms = clock_now_ms() - started;
    *ret_report = report;
    report = NULL;
    result = 0;
out:
    stale_check_forget_end(check);
    stale_report_free(report);
    extension_list_clear(&extensions);
    return result;
}
