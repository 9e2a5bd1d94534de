#include "reload/stale/stale_view.h"

#include <stdlib.h>

#include "pool/base/apart.h"
#include "pool/python/cpython_inspect.h"
#include "pool/python/runtime.h"
#include "reload/objects/object_text.h"
#include "reload/scan/scan_types.h"
#include "reload/stale/stale_files.h"
#include "reload/stale/stale_view_words.h"
#include "reload/stale/stale_words.h"

static enum object_owner owner_of(const struct stale_view *view, PyInterpreterState *interpreter) {
    if (interpreter == PyInterpreterState_Main()) {
        return OWNER_MAIN;
    }
    if (interpreter == view->old) {
        return OWNER_OLD;
    }
    return interpreter == view->subject ? OWNER_NEW : OWNER_OTHER;
}

static bool is_other(const struct stale_view *view, const struct py_interpreter *interpreter) {
    /* One that is ending had a check of its own. */
    return interpreter->is_still && owner_of(view, interpreter->state) == OWNER_OTHER;
}

static bool has_checked_image(const struct image_list *images) {
    for (size_t i = 0; i < images->count; i++) {
        if (image_is_checked(images->items[i])) {
            return true;
        }
    }
    return false;
}

static bool has_others(const struct stale_view *view) {
    for (size_t i = 0; i < view->interpreters.count; i++) {
        if (is_other(view, &view->interpreters.items[i])) {
            return true;
        }
    }
    return false;
}

static int track_interpreter(struct stale_view *view, PyInterpreterState *interpreter,
                             enum object_owner owner, struct error *err) {
    const struct object_source source = {.interpreter = interpreter, .owner = owner};
    return object_map_track(view->map, &source, err);
}

/**
 * List the objects of all that may hold anything of `old`, and see by them which images `subject`
 * uses.  Its own come last, so that its edges are found in the same go; not beside strangers.
 */
static int list_objects(struct stale_view *view, struct error *err) {
    PyInterpreterState *main = PyInterpreterState_Main();
    view->has_listed = true;
    if ((!view->is_first && view->old != main &&
         track_interpreter(view, view->old, OWNER_OLD, err) != 0) ||
        (view->subject != main && track_interpreter(view, main, OWNER_MAIN, err) != 0)) {
        return -1;
    }
    view->has_edges_of_new = !view->is_first && !has_others(view);
    const struct object_source subject = {.interpreter = view->subject,
                                          .owner = owner_of(view, view->subject),
                                          .also = image_use_look,
                                          .also_arg = &view->use};
    return view->has_edges_of_new ? object_map_track_last(view->map, &subject, err)
                                  : object_map_track(view->map, &subject, err);
}

/**
 * See which images are in use, and remember it.  One that has an extension in sys.modules has its
 * objects listed in the same go, since they are going to be needed.
 */
static int find_use(struct stale_view *view, struct stale_memory *memory, struct error *err) {
    struct address_set used = {0};
    if (view->extensions.count == 0) {
        inspect_gc_each(view->subject, image_use_look, &view->use);
    } else if (list_objects(view, err) != 0) {
        return -1;
    }
    if (image_use_save(&view->use, &used, err) != 0) {
        address_set_clear(&used);
        return -1;
    }
    if (!view->is_first) {
        stale_view_use_of_old(view, memory);
    }
    address_set_clear(&memory->used);
    memory->used = used;
    memory->knows_used = true;
    return 0;
}

static int track_others(struct stale_view *view, struct error *err) {
    for (size_t i = 0; i < view->interpreters.count; i++) {
        const struct py_interpreter *each = &view->interpreters.items[i];
        if (is_other(view, each) && track_interpreter(view, each->state, OWNER_OTHER, err) != 0) {
            return -1;
        }
    }
    return 0;
}

/** Whether a static type has an attribute that may be an untracked container of `old`. */
static bool has_open_attribute(const struct stale_view *view, const PyTypeObject *type) {
    PyObject *name, *value;
    Py_ssize_t position = 0;
    while (type->tp_dict && PyDict_Next(type->tp_dict, &position, &name, &value)) {
        if (!object_map_marks(view->map, (uintptr_t)value) && !object_is_leaf(value) &&
            !PyObject_GC_IsTracked(value) && !image_list_find(view->images, (uintptr_t)value)) {
            return true;
        }
    }
    return false;
}

/** Whether anything untracked is in question. */
static bool has_open_question(const struct stale_view *view, const struct stale_memory *memory) {
    const struct scan *scan = &view->scan;
    for (size_t i = 0; i < scan->count; i++) {
        if (stale_words_owners(view, &scan->hits[i]) == OWNER_OLD &&
            object_is_leaf(scan->hits[i].object) &&
            stale_view_is_open(view, memory, &scan->hits[i], true)) {
            return true;
        }
    }
    for (size_t i = 0; i < scan->unclaimed_count; i++) {
        if (stale_view_is_open(view, memory, &scan->unclaimed[i], scan->unclaimed[i].is_leaf)) {
            return true;
        }
    }
    for (size_t i = 0; i < scan->type_count; i++) {
        if (has_open_attribute(view, scan->types[i])) {
            return true;
        }
    }
    return false;
}

/** Count the references to what is held of `old`, to tell whether variables own one. */
static int count_held(struct stale_view *view, bool *ret_any, struct error *err) {
    const struct scan *scan = &view->scan;
    *ret_any = false;
    for (size_t i = 0; i < scan->count; i++) {
        if (stale_words_owners(view, &scan->hits[i]) == OWNER_OLD) {
            *ret_any = true;
            if (object_map_count(view->map, scan->hits[i].object, err) != 0) {
                return -1;
            }
        }
    }
    for (size_t i = 0; i < scan->unclaimed_count; i++) {
        if (object_map_count(view->map, scan->unclaimed[i].object, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int learn_harmless(struct stale_view *view, struct stale_memory *memory,
                          const struct scan_hit *hit, bool is_leaf, struct error *err) {
    unsigned owners = stale_words_owners(view, hit);
    bool is_harmless = is_leaf ? !stale_words_is_borrowed(view, hit)
                               : (owners & OWNER_MAIN) ||
                                     (!owners && (view->is_first || Py_REFCNT(hit->object) == 1));
    return is_harmless ? stale_memory_note_harmless(memory, hit, is_leaf, err) : 0;
}

/** Follow all references of `old`, and of the main interpreter, where modules cache for all. */
static int settle_open(struct stale_view *view, struct stale_memory *memory, struct error *err) {
    struct scan before = view->scan;
    view->scan = (struct scan){0};
    int result = -1;
    if (track_others(view, err) != 0 ||
        object_map_reach(view->map, PyInterpreterState_Main(), OWNER_MAIN, err) != 0 ||
        (owner_of(view, view->old) == OWNER_OLD &&
         object_map_reach(view->map, view->old, OWNER_OLD, err) != 0) ||
        stale_view_scan(view, view->map, err) != 0) {
        goto out;
    }
    for (size_t i = 0; i < before.unclaimed_count; i++) {
        const struct scan_hit *hit = &before.unclaimed[i];
        if (learn_harmless(view, memory, hit, hit->is_leaf, err) != 0) {
            goto out;
        }
    }
    for (size_t i = 0; i < before.count; i++) {
        const struct scan_hit *hit = &before.hits[i];
        if (object_is_leaf(hit->object) && stale_words_owners(view, hit) == OWNER_OLD &&
            learn_harmless(view, memory, hit, true, err) != 0) {
            goto out;
        }
    }
    view->scan.types = before.types;
    view->scan.type_count = before.type_count;
    before.types = NULL;
    result = 0;
out:
    scan_clear(&before);
    return result;
}

static int add_furniture(struct stale_view *view, struct error *err) {
    for (size_t i = 0; i < view->scan.type_count; i++) {
        if (object_map_add_static_type(view->map, view->scan.types[i], err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int find_edges(struct stale_view *view, bool with_old, struct error *err) {
    bool with_strangers = has_others(view);
    if (object_map_find_edges(view->map, PyInterpreterState_Main(), OWNER_MAIN, false, err) != 0) {
        return -1;
    }
    return with_old && owner_of(view, view->old) == OWNER_OLD
               ? object_map_find_edges(view->map, view->old, OWNER_OLD, with_strangers, err)
               : 0;
}

static int find_edges_of_new(struct stale_view *view, struct error *err) {
    if (!view->is_first && !view->has_edges_of_new &&
        object_map_find_edges(view->map, view->subject, OWNER_NEW, has_others(view), err) != 0) {
        return -1;
    }
    if (object_map_has_strangers(view->map)) {
        if (track_others(view, err) != 0) {
            return -1;
        }
        object_map_name_strangers(view->map);
    }
    return 0;
}

/** Later views do not list objects: they learn from this what cannot belong to `old`. */
static int remember_owners(const struct stale_view *view, struct stale_memory *memory,
                           struct error *err) {
    stale_memory_forget_owners(memory);
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        unsigned owners = stale_words_owners(view, hit);
        if (stale_memory_note_owners(memory, hit, owners, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static int look_fully(struct stale_view *view, struct stale_memory *memory, struct error *err) {
    if (stale_view_scan(view, view->map, err) != 0) {
        return -1;
    }
    if (view->scan.strangers && has_others(view) &&
        (track_others(view, err) != 0 || stale_view_scan(view, view->map, err) != 0)) {
        return -1;
    }
    if (remember_owners(view, memory, err) != 0 || scan_types(&view->scan, &view->use, err) != 0 ||
        add_furniture(view, err) != 0) {
        return -1;
    }
    bool any;
    if (count_held(view, &any, err) != 0 ||
        (has_open_question(view, memory) ? settle_open(view, memory, err)
                                         : find_edges(view, any || view->is_first, err)) != 0) {
        return -1;
    }
    return find_edges_of_new(view, err);
}

static int fill_view(struct stale_view *view, enum stale_view_use use, struct stale_memory *memory,
                     struct error *err) {
    if (inspect_list_interpreters(&view->interpreters) != 0) { /* first: it may let go of the GIL */
        return error_set(err, ERR_MEMORY, "out of memory listing interpreters");
    }
    if (image_list_refresh(view->images, err) != 0 ||
        stale_files_are_whole(view->images, err) != 0 ||
        !(view->map = object_map_new(view->images, err)) ||
        image_use_start(&view->use, view->images, err) != 0) {
        return -1;
    }
    PyInterpreterState *named = use == VIEW_WORDS ? view->old : view->subject;
    if (extension_list_read(&view->extensions, named, view->images, err) != 0) {
        return -1;
    }
    if (use == VIEW_WORDS) {
        return stale_view_words(view, memory, err);
    }
    bool is_settled;
    if (stale_view_settle_by_words(view, memory, &is_settled, err) != 0 || is_settled) {
        return is_settled ? 0 : -1;
    }
    if (has_checked_image(view->images) && find_use(view, memory, err) != 0) {
        return -1;
    }
    image_use_end(&view->use);
    if (!view->use.any) {
        bool has_new;
        int result = stale_view_has_new_words(view, memory, &has_new, err);
        if (result != 0 || !has_new) {
            return result;
        }
    }
    return view->has_listed || list_objects(view, err) == 0 ? look_fully(view, memory, err) : -1;
}

int stale_view_open(struct stale_view *view, const struct stale_view_options *options,
                    struct error *err) {
    *view = (struct stale_view){.images = options->images,
                                .old = options->old,
                                .subject = options->new ? options->new : options->old,
                                .with_pointers = options->with_pointers,
                                .is_first = !options->new};
    if (runtime_why_not_checked()) {
        return error_set(err, ERR_USAGE, "%s", runtime_why_not_checked());
    }
    if (!inspect_shares_gil(view->old) || !inspect_shares_gil(view->subject)) {
        return error_set(err, ERR_USAGE,
                         "an interpreter with a GIL of its own cannot be checked from outside");
    }
    if (fill_view(view, options->use, options->memory, err) != 0) {
        stale_view_close(view);
        return -1;
    }
    return 0;
}

void stale_view_close(struct stale_view *view) {
    extension_list_clear(&view->extensions);
    scan_clear(&view->scan);
    image_use_clear(&view->use);
    object_map_free(view->map);
    view->map = NULL;
    apart_free(view->interpreters.items);
    view->interpreters.items = NULL;
}
