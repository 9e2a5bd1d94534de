#include "reload/stale/stale_view_words.h"

#include "pool/python/cpython_inspect.h"
#include "reload/stale/stale_known.h"

int stale_view_scan(struct stale_view *view, const struct object_map *map, struct error *err) {
    const struct scan_options options = {.use = &view->use,
                                         .map = map,
                                         .wanted = OWNER_MASK,
                                         .with_pointers = view->with_pointers && !map,
                                         .interpreters = &view->interpreters,
                                         .ending = view->old};
    scan_clear(&view->scan);
    return scan_images(&view->scan, &options, err);
}

void stale_view_use_of_old(struct stale_view *view, const struct stale_memory *memory) {
    if (memory->knows_used) {
        image_use_add(&view->use, &memory->used);
        image_use_modules(&view->use, view->old);
    } else {
        inspect_gc_each(view->old, image_use_look, &view->use);
    }
}

bool stale_view_is_open(const struct stale_view *view, const struct stale_memory *memory,
                        const struct scan_hit *hit, bool is_leaf) {
    bool may_be_old = view->is_first || stale_memory_was_before(memory, hit);
    return may_be_old && !stale_memory_is_harmless(memory, hit, is_leaf);
}

int stale_view_words(struct stale_view *view, struct stale_memory *memory, struct error *err) {
    stale_view_use_of_old(view, memory);
    image_use_end(&view->use);
    return stale_view_scan(view, NULL, err);
}

/** Whoever owns it: nothing would be made of it. */
static bool is_known_harmless(const struct scan_hit *hit) {
    const struct stale_what what = {.verdict = VERDICT_STALE, .holds = hit->object};
    return stale_known_is_harmless(hit, &what);
}

/** Of the last scan. */
static bool holds_anything_new(const struct stale_view *view, const struct stale_memory *memory) {
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        if (!stale_memory_is_of_others(memory, hit) && !is_known_harmless(hit)) {
            return true;
        }
    }
    return false;
}

int stale_view_has_new_words(struct stale_view *view, const struct stale_memory *memory,
                             bool *ret_has, struct error *err) {
    int result = stale_view_scan(view, NULL, err);
    *ret_has = holds_anything_new(view, memory);
    scan_clear(&view->scan);
    return result;
}

/** A library that does not know Python keeps objects, too, but where words lead to them. */
static bool has_only_standard_extensions(const struct image_list *images) {
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = images->items[i];
        bool knows_python = image->role == IMAGE_EXTENSION || image->imports_python;
        if (image_is_checked(image) && knows_python && !image_is_standard_library(image)) {
            return false;
        }
    }
    return true;
}

/** Whether the last scan leaves a question that only a full view answers. */
static bool has_question(const struct stale_view *view, const struct stale_memory *memory) {
    const struct scan *scan = &view->scan;
    for (size_t i = 0; i < scan->unclaimed_count; i++) {
        const struct scan_hit *hit = &scan->unclaimed[i];
        if (stale_view_is_open(view, memory, hit, hit->is_leaf)) {
            return true;
        }
    }
    return scan->state_count || scan->cut_count || holds_anything_new(view, memory);
}

static int look_for_questions(struct stale_view *view, struct stale_memory *memory,
                              bool *ret_has_any, struct error *err) {
    struct address_set used = {0};
    stale_view_use_of_old(view, memory);
    image_use_modules(&view->use, view->subject);
    if (image_use_save(&view->use, &used, err) != 0) {
        address_set_clear(&used);
        return -1;
    }
    image_use_end(&view->use);
    int result = stale_view_scan(view, NULL, err);
    *ret_has_any = result != 0 || has_question(view, memory);
    scan_clear(&view->scan);
    if (*ret_has_any) {
        address_set_clear(&used);
    } else {
        stale_memory_forget_subjects(memory);
        address_set_clear(&memory->used);
        memory->used = used;
    }
    return result;
}

int stale_view_settle_by_words(struct stale_view *view, struct stale_memory *memory,
                               bool *ret_is_settled, struct error *err) {
    *ret_is_settled = false;
    if (view->is_first || !memory->was_clean || !memory->knows_before ||
        !has_only_standard_extensions(view->images)) {
        return 0;
    }
    bool has_any;
    if (look_for_questions(view, memory, &has_any, err) != 0) {
        return -1;
    }
    *ret_is_settled = !has_any;
    if (has_any) {
        image_use_clear(&view->use);
        return image_use_start(&view->use, view->images, err);
    }
    return 0;
}
