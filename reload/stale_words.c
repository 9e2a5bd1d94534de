#include "reload/stale_words.h"

#include <stdlib.h>
#include <string.h>

#include "reload/identity.h"
#include "reload/image_use.h"
#include "reload/object_text.h"
#include "reload/py_internals.h"
#include "reload/stale_known.h"

static enum object_owner owner_of(const struct stale_view *view, PyInterpreterState *interpreter) {
    if (interpreter == PyInterpreterState_Main()) {
        return OWNER_MAIN;
    }
    if (interpreter == view->old) {
        return OWNER_OLD;
    }
    return interpreter == view->subject ? OWNER_NEW : OWNER_OTHER;
}

static int map_objects(struct stale_view *view, enum stale_view_use use, struct error *err) {
    PyInterpreterState *each = PyInterpreterState_Head();
    for (; each; each = PyInterpreterState_Next(each)) {
        enum object_owner owner = owner_of(view, each);
        bool is_going = owner == OWNER_OTHER && py_is_ending(each); /* had a check of its own */
        if (py_shares_gil(each) && !is_going &&
            object_map_track(view->map, each, owner, err) != 0) {
            return -1;
        }
    }
    /* What a module cached for all is reached from the main interpreter, too.  Of the new
     * generation only edges matter: what it shares with the old one it holds references to. */
    for (each = PyInterpreterState_Head(); each; each = PyInterpreterState_Next(each)) {
        enum object_owner owner = owner_of(view, each);
        int failed = 0;
        if ((owner == OWNER_OLD || owner == OWNER_MAIN) && use != VIEW_TRACKED) {
            failed = object_map_reach(view->map, each, owner, err);
        } else if (owner == OWNER_NEW && use == VIEW_FULL) {
            failed = object_map_find_edges(view->map, each, owner, err);
        }
        if (failed) {
            return -1;
        }
    }
    return 0;
}

int stale_view_open(struct stale_view *view, struct image_list *images, PyInterpreterState *old,
                    PyInterpreterState *new, enum stale_view_use use, struct error *err) {
    *view = (struct stale_view){
        .images = images, .old = old, .subject = new ? new : old, .is_first = !new};
    if (!py_shares_gil(view->old) || !py_shares_gil(view->subject)) {
        return error_set(err, ERR_USAGE,
                         "an interpreter with a GIL of its own cannot be checked from outside");
    }
    if (image_list_refresh(images, err) != 0 || !(view->map = object_map_new(images, err)) ||
        map_objects(view, use, err) != 0 ||
        scan_images(&view->scan, images, view->map, OWNER_OLD | OWNER_MAIN | OWNER_OTHER, old,
                    err) != 0 ||
        extension_list_read(&view->extensions, view->subject, images, err) != 0) {
        stale_view_close(view);
        return -1;
    }
    return 0;
}

void stale_view_close(struct stale_view *view) {
    extension_list_clear(&view->extensions);
    scan_clear(&view->scan);
    object_map_free(view->map);
    view->map = NULL;
    free(view->used);
    view->used = NULL;
}

unsigned stale_words_owners(const struct stale_view *view, const struct scan_hit *hit) {
    uint8_t marks = object_map_marks(view->map, (uintptr_t)hit->object);
    if (!(marks & OWNER_MASK)) {
        /* An object of C's own: it belongs to whom its class belongs to. */
        marks = object_map_marks(view->map, (uintptr_t)Py_TYPE(hit->object));
    }
    return marks & OWNER_MASK;
}

bool stale_words_is_borrowed(const struct stale_view *view, const struct scan_hit *hit) {
    size_t inside = object_map_references(view->map, (uintptr_t)hit->object);
    return stale_words_owners(view, hit) == OWNER_OLD && inside < OBJECT_REFERENCES_MANY &&
           (size_t)Py_REFCNT(hit->object) <= inside;
}

static bool is_used(struct stale_view *view, const struct image *image) {
    if (!view->used) {
        view->used = calloc(view->images->count, sizeof *view->used);
        if (!view->used) {
            return true;
        }
        image_use_mark(view->images, view->subject, view->used);
        if (!view->is_first) {
            /* What it imported late, its successor will import, too. */
            image_use_mark(view->images, view->old, view->used);
        }
    }
    for (size_t i = 0; i < view->images->count; i++) {
        if (view->images->items[i] == image) {
            return view->used[i];
        }
    }
    return true;
}

bool stale_words_concern(struct stale_view *view, const struct scan_hit *hit, bool is_borrowed) {
    bool is_owned_by_variable =
        stale_words_owners(view, hit) == OWNER_OLD && !is_borrowed && hit->depth == 0 && !hit->via;
    return is_owned_by_variable || is_used(view, hit->image);
}

/** The nodes of containers are smaller; buffers that are filled bit by bit are larger. */
enum { NODE_BYTES_MAX = 256 };

bool stale_words_is_leftover(const struct scan_hit *hit, bool is_borrowed) {
    return hit->depth && is_borrowed &&
           (object_is_leaf(hit->object) || PyCode_Check(hit->object) ||
            hit->block_bytes > NODE_BYTES_MAX);
}

/** Objects of a main interpreter that an extension keeps: harmless unless it is a split identity.
 */
static bool judge_main(const struct stale_view *view, const struct scan_hit *hit,
                       struct stale_what *ret_what) {
    if (view->subject == PyInterpreterState_Main()) {
        return false;
    }
    PyObject *split = identity_find_split(hit->object, view->subject);
    if (!split) {
        return false;
    }
    *ret_what = (struct stale_what){.hazard = HAZARD_IDENTITY,
                                    .verdict = VERDICT_SHARED,
                                    .holds = split,
                                    .owner = "the main interpreter"};
    return true;
}

static bool judge(const struct stale_view *view, const struct scan_hit *hit, bool is_borrowed,
                  struct stale_what *ret_what) {
    unsigned owners = stale_words_owners(view, hit);
    if (owners == OWNER_MAIN) {
        return judge_main(view, hit, ret_what);
    }
    if (owners != OWNER_OLD && owners != OWNER_OTHER) {
        return false; /* an untracked object that several share */
    }
    if (PyWeakref_Check(hit->object) && !is_borrowed) {
        return false; /* cleared when its object dies, and keeps nothing alive */
    }
    if (object_is_leaf(hit->object) && !is_borrowed) {
        return false;
    }
    if (stale_words_is_leftover(hit, is_borrowed)) {
        return false;
    }
    *ret_what =
        (struct stale_what){.hazard = is_borrowed ? HAZARD_BORROWED : HAZARD_IDENTITY,
                            .verdict = is_borrowed ? VERDICT_DANGLING : VERDICT_STALE,
                            .is_borrowed = is_borrowed,
                            .holds = hit->object,
                            .owner = view->is_first ? "this generation" : "the generation before"};
    if (owners == OWNER_OTHER) {
        ret_what->verdict = VERDICT_SHARED;
        ret_what->owner = "another interpreter";
    }
    return true;
}

int stale_words_report(struct stale_view *view, struct stale_report *report, struct error *err) {
    for (size_t i = 0; i < view->scan.count; i++) {
        const struct scan_hit *hit = &view->scan.hits[i];
        struct stale_what what;
        bool is_borrowed = stale_words_is_borrowed(view, hit);
        if (!judge(view, hit, is_borrowed, &what) || !stale_words_concern(view, hit, is_borrowed)) {
            continue;
        }
        const char *module = extension_list_module_of(&view->extensions, view->images, hit->image);
        what.is_note = stale_known_is_harmless(module, hit, &what);
        if (stale_report_add(report, &view->extensions, view->images, hit, &what) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory reporting");
        }
    }
    return 0;
}
