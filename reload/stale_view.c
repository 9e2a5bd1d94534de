#include "reload/stale_view.h"

#include "reload/object_text.h"
#include "reload/py_internals.h"
#include "reload/scan_types.h"
#include "reload/stale_words.h"

static enum object_owner owner_of(const struct stale_view *view, PyInterpreterState *interpreter) {
    if (interpreter == PyInterpreterState_Main()) {
        return OWNER_MAIN;
    }
    if (interpreter == view->old) {
        return OWNER_OLD;
    }
    return interpreter == view->subject ? OWNER_NEW : OWNER_OTHER;
}

static bool is_other(const struct stale_view *view, PyInterpreterState *interpreter) {
    /* One that is ending had a check of its own. */
    return owner_of(view, interpreter) == OWNER_OTHER && py_shares_gil(interpreter) &&
           !py_is_ending(interpreter);
}

static bool has_checked_image(const struct image_list *images) {
    for (size_t i = 0; i < images->count; i++) {
        if (image_is_checked(images->items[i])) {
            return true;
        }
    }
    return false;
}

/** List its objects, and see by them which images it uses. */
static int list_objects(struct stale_view *view, PyInterpreterState *interpreter,
                        struct error *err) {
    view->has_listed_old |= interpreter == view->old;
    return object_map_track(view->map, interpreter, owner_of(view, interpreter), image_use_look,
                            &view->use, err);
}

/** Which images `old` uses: known from when it was new, but for what it has imported since. */
static int mark_use_of_old(struct stale_view *view, const struct stale_memory *memory,
                           struct error *err) {
    if (memory->knows_used) {
        image_use_add(&view->use, &memory->used);
        image_use_modules(&view->use, view->old);
        return 0;
    }
    return list_objects(view, view->old, err);
}

/** Which images are in use; of a full view also lists the objects of `subject` and remembers. */
static int mark_use(struct stale_view *view, enum stale_view_use use, struct stale_memory *memory,
                    struct error *err) {
    struct address_set used = {0};
    if (use == VIEW_FULL) {
        if (list_objects(view, view->subject, err) != 0 ||
            image_use_save(&view->use, &used, err) != 0) {
            address_set_clear(&used);
            return -1;
        }
    }
    if (!(use == VIEW_FULL && view->is_first) && mark_use_of_old(view, memory, err) != 0) {
        address_set_clear(&used);
        return -1;
    }
    if (use == VIEW_FULL) {
        address_set_clear(&memory->used);
        memory->used = used;
        memory->knows_used = true;
    }
    image_use_end(&view->use);
    return 0;
}

static int track_others(struct stale_view *view, struct error *err) {
    PyInterpreterState *each = PyInterpreterState_Head();
    for (; each; each = PyInterpreterState_Next(each)) {
        if (is_other(view, each) &&
            object_map_track(view->map, each, OWNER_OTHER, NULL, NULL, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool has_others(const struct stale_view *view) {
    PyInterpreterState *each = PyInterpreterState_Head();
    for (; each; each = PyInterpreterState_Next(each)) {
        if (is_other(view, each)) {
            return true;
        }
    }
    return false;
}

static int scan_again(struct stale_view *view, struct error *err) {
    scan_clear(&view->scan);
    return scan_images(&view->scan, &view->use, view->map, OWNER_OLD | OWNER_MAIN | OWNER_OTHER,
                       view->old, err);
}

/**
 * What `leaves` knows a word by.  A container that C alone holds may be handed to an application
 * later, and then has one more reference.
 */
static uintptr_t key_of(const struct scan_hit *hit, bool is_leaf) {
    return is_leaf ? hit->word : hit->word ^ ((uintptr_t)Py_REFCNT(hit->object) << 47);
}

static bool is_known(const struct address_set *set, const struct scan_hit *hit, uintptr_t key) {
    struct address_entry *entry = address_set_find(set, hit->holder);
    return entry && entry->value == key;
}

/** Whether an untracked object may be stale, or borrowed: references must be followed to know. */
static bool is_open(const struct stale_view *view, const struct stale_memory *memory,
                    const struct scan_hit *hit, bool is_leaf) {
    bool may_be_old =
        view->is_first || !memory->knows_before || is_known(&memory->before, hit, hit->word);
    return may_be_old && !is_known(&memory->harmless, hit, key_of(hit, is_leaf));
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
            object_is_leaf(scan->hits[i].object) && is_open(view, memory, &scan->hits[i], true)) {
            return true;
        }
    }
    for (size_t i = 0; i < scan->unclaimed_count; i++) {
        if (is_open(view, memory, &scan->unclaimed[i], scan->unclaimed[i].is_leaf)) {
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
static int count(struct stale_view *view, bool *ret_any, struct error *err) {
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

static int learn(struct stale_view *view, struct stale_memory *memory, const struct scan_hit *hit,
                 bool is_leaf, struct error *err) {
    unsigned owners = stale_words_owners(view, hit);
    bool is_harmless = is_leaf ? !stale_words_is_borrowed(view, hit)
                               : (owners & OWNER_MAIN) ||
                                     (!owners && (view->is_first || Py_REFCNT(hit->object) == 1));
    struct address_entry *entry =
        is_harmless ? address_set_add(&memory->harmless, hit->holder) : NULL;
    if (is_harmless && !entry) {
        return error_set(err, ERR_MEMORY, "out of memory remembering strings");
    }
    if (entry) {
        entry->value = key_of(hit, is_leaf);
    }
    return 0;
}

/** Follow all references of `old`, and of the main interpreter, in which modules cache for all. */
static int answer(struct stale_view *view, struct stale_memory *memory, struct error *err) {
    struct scan before = view->scan;
    view->scan = (struct scan){0};
    int result = -1;
    /* What a module cached for all is reached from the main interpreter, too. */
    if (track_others(view, err) != 0 ||
        object_map_reach(view->map, PyInterpreterState_Main(), OWNER_MAIN, err) != 0 ||
        (owner_of(view, view->old) == OWNER_OLD &&
         object_map_reach(view->map, view->old, OWNER_OLD, err) != 0) ||
        scan_again(view, err) != 0) {
        goto out;
    }
    for (size_t i = 0; i < before.unclaimed_count; i++) {
        const struct scan_hit *hit = &before.unclaimed[i];
        if (learn(view, memory, hit, hit->is_leaf, err) != 0) {
            goto out;
        }
    }
    for (size_t i = 0; i < before.count; i++) {
        const struct scan_hit *hit = &before.hits[i];
        if (object_is_leaf(hit->object) && stale_words_owners(view, hit) == OWNER_OLD &&
            learn(view, memory, hit, true, err) != 0) {
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
    if (!view->is_first &&
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

static int look_fully(struct stale_view *view, struct stale_memory *memory, struct error *err) {
    if ((owner_of(view, view->old) != OWNER_MAIN &&
         object_map_track(view->map, PyInterpreterState_Main(), OWNER_MAIN, NULL, NULL, err) !=
             0) ||
        scan_again(view, err) != 0) {
        return -1;
    }
    if (view->scan.strangers && has_others(view) &&
        (track_others(view, err) != 0 || scan_again(view, err) != 0)) {
        return -1;
    }
    if (scan_types(&view->scan, &view->use, err) != 0 || add_furniture(view, err) != 0) {
        return -1;
    }
    bool any;
    if (count(view, &any, err) != 0 ||
        (has_open_question(view, memory) ? answer(view, memory, err)
                                         : find_edges(view, any || view->is_first, err)) != 0) {
        return -1;
    }
    return find_edges_of_new(view, err);
}

static int look(struct stale_view *view, enum stale_view_use use, struct stale_memory *memory,
                struct error *err) {
    if (image_list_refresh(view->images, err) != 0 ||
        !(view->map = object_map_new(view->images, err)) ||
        image_use_start(&view->use, view->images, err) != 0) {
        return -1;
    }
    if (!has_checked_image(view->images)) {
        return 0;
    }
    if ((use == VIEW_FULL &&
         extension_list_read(&view->extensions, view->subject, view->images, err) != 0) ||
        mark_use(view, use, memory, err) != 0) {
        return -1;
    }
    if (!view->use.any) {
        return 0;
    }
    if (!view->has_listed_old &&
        object_map_track(view->map, view->old, owner_of(view, view->old), NULL, NULL, err) != 0) {
        return -1;
    }
    return use == VIEW_FULL ? look_fully(view, memory, err) : scan_again(view, err);
}

int stale_view_open(struct stale_view *view, struct image_list *images, PyInterpreterState *old,
                    PyInterpreterState *new, enum stale_view_use use, struct stale_memory *memory,
                    struct error *err) {
    *view = (struct stale_view){
        .images = images, .old = old, .subject = new ? new : old, .is_first = !new};
    if (!py_shares_gil(view->old) || !py_shares_gil(view->subject)) {
        return error_set(err, ERR_USAGE,
                         "an interpreter with a GIL of its own cannot be checked from outside");
    }
    if (look(view, use, memory, err) != 0) {
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
}

void stale_memory_clear(struct stale_memory *memory) {
    address_set_clear(&memory->harmless);
    address_set_clear(&memory->before);
    address_set_clear(&memory->used);
}
