#include "reload/stale/remembered.h"

#include <stdio.h>

#include "pool/python/cpython_inspect.h"
#include "reload/memory/safe_read.h"
#include "reload/stale/stale_words.h"

/** The variable does not hold the object itself, but leads to it. */
static bool is_indirect(const struct scan_hit *hit) {
    return hit->depth || hit->via;
}

/** The value of the variable that leads to a word. */
static uintptr_t root_of(const struct scan_hit *hit) {
    uintptr_t root = hit->word;
    if (is_indirect(hit) && !hit->is_tls && !safe_read(hit->location, &root, sizeof root)) {
        root = 0;
    }
    return root;
}

void remembered_object(const struct scan_hit *hit, struct remembered *word) {
    word->hit = *hit;
    word->block = (uintptr_t)hit->object - inspect_block_header_bytes(hit->object);
    word->is_harmless_if_kept = object_is_leaf(hit->object) || PyWeakref_Check(hit->object);
    word->root = root_of(hit);
}

void remembered_unclaimed(const struct scan_hit *hit, struct remembered *word) {
    word->hit = *hit;
    word->block = (uintptr_t)hit->object; /* not tracked, but its type may be one that can be */
    if (PyType_IS_GC(Py_TYPE(hit->object))) {
        word->block -= inspect_type_header_bytes(Py_TYPE(hit->object));
    }
    word->is_harmless_if_kept = true;
    object_text(hit->object, word->holds, sizeof word->holds);
}

void remembered_state(const struct scan_hit *hit, struct remembered *word) {
    word->hit = *hit;
    word->root = root_of(hit);
    word->is_state = true;
    snprintf(word->holds, sizeof word->holds, "%s", stale_states_what().holds_text);
}

bool remembered_is_led_to(const struct remembered *word) {
    uintptr_t root;
    return word->hit.is_tls || !is_indirect(&word->hit) ||
           (safe_read(word->hit.location, &root, sizeof root) && root == word->root);
}

bool remembered_is_held(const struct remembered *word) {
    uintptr_t now;
    return safe_read(word->hit.holder, &now, sizeof now) && now == word->hit.word &&
           remembered_is_led_to(word);
}
