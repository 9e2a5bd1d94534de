#include "reload/stale/stale_words.h"

#include <string.h>

#include "pool/python/cpython_inspect.h"
#include "reload/objects/identity.h"
#include "reload/objects/object_text.h"
#include "reload/stale/stale_known.h"

unsigned stale_words_owners(const struct stale_view *view, const struct scan_hit *hit) {
    uint8_t marks = object_map_marks(view->map, (uintptr_t)hit->object);
    if (!(marks & OWNER_MASK)) {
        /* Held by C alone: it belongs to the owner of its class. */
        marks = object_map_marks(view->map, (uintptr_t)Py_TYPE(hit->object));
    }
    return marks & OWNER_MASK;
}

bool stale_words_is_borrowed(const struct stale_view *view, const struct scan_hit *hit) {
    size_t inside = object_map_references(view->map, (uintptr_t)hit->object);
    return stale_words_owners(view, hit) == OWNER_OLD && inside < OBJECT_REFERENCES_MANY &&
           (size_t)Py_REFCNT(hit->object) <= inside;
}

/** The nodes of containers are smaller; buffers that are filled bit by bit are larger. */
enum { NODE_BYTES_MAX = 256 };

bool stale_words_is_leftover(const struct scan_hit *hit, bool is_borrowed) {
    return hit->depth && is_borrowed &&
           (object_is_leaf(hit->object) || PyCode_Check(hit->object) ||
            hit->block_bytes > NODE_BYTES_MAX);
}

/** An object of the main interpreter in a variable is harmless, unless its identity is split. */
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

static bool judge_word(const struct stale_view *view, const struct scan_hit *hit, bool is_borrowed,
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
        if (!judge_word(view, hit, is_borrowed, &what)) {
            continue;
        }
        what.is_note = stale_known_is_harmless(hit, &what);
        if (stale_report_add(report, &view->extensions, view->images, hit, &what) != 0) {
            return error_set(err, ERR_MEMORY, "out of memory reporting");
        }
    }
    return 0;
}
